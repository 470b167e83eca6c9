import { beforeEach, expect, test } from "vitest";
import type { Answer } from "../../../src/transport/audience/audience.ts";
import { JoinQueue } from "../../../src/transport/audience/joins.ts";
import type { ViewerEvents } from "../../../src/transport/audience/viewer.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { FakeViewer } from "../../helpers/fakes.ts";

let clock: FakeClock;
let answer: Answer;
/** Offers in the order of their turns. */
let begun: Map<string, ViewerEvents>;
beforeEach(() => {
  clock = new FakeClock();
  begun = new Map();
  answer = new JoinQueue(clock).inTurn(async (offer: string, events) => {
    begun.set(offer, events);
    if (offer === "bad") throw new Error("a bad offer");
    return { answer: `to ${offer}`, viewer: new FakeViewer(events) };
  });
});

const events = {
  connected() {},
  keyframeNeeded() {},
  wants() {},
  moved() {},
  received() {},
  reached() {},
  closed() {},
};
const join = (offer: string) => answer(offer, events);
const settled = () => clock.advance(0);
const joins = () => [...begun.keys()].join();

test("four viewers join at the same time; the next one starts, in order, when one is connected or closed", async () => {
  const all = ["a", "b", "c", "d", "e", "f", "g"].map(join);
  await settled();
  expect(joins()).toBe("a,b,c,d");
  begun.get("c")?.connected();
  await settled();
  expect(joins()).toBe("a,b,c,d,e");
  // This one's turn has already ended.
  begun.get("c")?.closed("left");
  await settled();
  expect(joins()).toBe("a,b,c,d,e");
  begun.get("a")?.closed("did not connect");
  await settled();
  expect(joins()).toBe("a,b,c,d,e,f");
  begun.get("b")?.connected();
  expect((await Promise.all(all)).map(({ answer }) => answer)).toEqual(
    [..."abcdefg"].map((one) => `to ${one}`),
  );
});

test("a refused offer ends its turn", async () => {
  for (const offer of ["a", "b", "c"]) await join(offer);
  await expect(join("bad")).rejects.toThrow("a bad offer");
  await join("d");
  expect(joins()).toBe("a,b,c,bad,d");
});

test("a viewer with a long round trip delays others by at most 100 ms", async () => {
  const all = ["a", "b", "c", "d", "e"].map(join);
  await clock.advance(99);
  expect(joins()).toBe("a,b,c,d");
  await clock.advance(1);
  expect(joins()).toBe("a,b,c,d,e");
  await Promise.all(all);
});

test("the viewers' events are forwarded", async () => {
  const told: string[] = [];
  await answer("a", {
    ...events,
    connected: () => told.push("connected"),
    closed: (reason) => told.push(reason),
  });
  begun.get("a")?.connected();
  begun.get("a")?.closed("left");
  expect(told).toEqual(["connected", "left"]);
});
