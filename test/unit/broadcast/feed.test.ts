import { beforeEach, describe, expect, test } from "vitest";
import { type Feed, Feeds } from "../../../src/broadcast/feed.ts";
import type { EncodedFrame } from "../../../src/media/frame.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { encodedFrame } from "../../helpers/fakes.ts";

/** The levels of which a keyframe was requested. */
let requested: number[];
let feeds: Feeds;
let taken: string[];

beforeEach(() => {
  requested = [];
  taken = [];
  feeds = new Feeds({ changed() {}, requestKeyframe: ({ level }) => requested.push(level) });
});

const take = ({ level, type }: EncodedFrame) => taken.push(`${level} ${type}`);
const send = (level: number, type: "key" | "delta") =>
  feeds.send({ ...encodedFrame(1, new FakeClock().now()), level, type });
const needed = () => feeds.renditions().map(({ level }) => level);

test("a feed takes each of its renditions from a keyframe on, and none after its end", () => {
  const feed = feeds.add("vp8", [0, 2], take);
  expect([requested, needed()]).toEqual([
    [0, 2],
    [0, 2],
  ]);
  for (const level of [0, 1, 2]) send(level, "delta");
  send(0, "key");
  for (const level of [0, 1, 2]) send(level, "delta");
  feed.stop();
  send(2, "key");
  expect(taken).toEqual(["0 key", "0 delta"]);
  expect(needed()).toEqual([]);
});

describe("a feed of one rendition that moves to another level", () => {
  let feed: Feed;

  beforeEach(() => {
    feed = feeds.add("vp8", [0], take);
    send(0, "key");
    requested = [];
    feed.move(3);
  });

  test("takes the old one until the new one has a keyframe, and asks for that of the new one alone", () => {
    expect([requested, needed()]).toEqual([[3], [0, 3]]);
    send(3, "delta");
    send(0, "delta");
    send(3, "key");
    send(0, "delta");
    send(3, "delta");
    expect(taken).toEqual(["0 key", "0 delta", "3 key", "3 delta"]);
    feed.requestKeyframe(0);
    feed.requestKeyframe(3);
    expect([requested, needed()]).toEqual([[3, 3], [3]]);
  });

  test("stays where it was if it moves back before", () => {
    feed.move(0);
    expect([requested, needed()]).toEqual([[3, 0], [0]]);
    send(3, "key");
    send(0, "delta");
    expect(taken).toEqual(["0 key", "0 delta"]);
  });

  test("does not move once it has ended", () => {
    feed.stop();
    feed.move(1);
    expect([requested, needed()]).toEqual([[3], []]);
  });
});

test("a feed of several renditions stays with them", () => {
  feeds.add("vp8", [0, 1], take).move(2);
  expect([requested, needed()]).toEqual([
    [0, 1],
    [0, 1],
  ]);
});
