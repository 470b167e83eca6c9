import { afterEach, describe, expect, test } from "vitest";
import { Broadcast } from "../../../src/broadcast/broadcast.ts";
import { Directory, DirectoryError, type Entry } from "../../../src/broadcast/directory.ts";
import { Metrics } from "../../../src/broadcast/metrics.ts";
import { Seats } from "../../../src/broadcast/seats.ts";
import { IngestSource } from "../../../src/source/ingest/ingest.ts";
import { LocalAudience } from "../../../src/transport/audience/audience.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";
import { FakeEncoder, FakePublisher, FakeResponse, FakeSource, FakeViewer } from "../../helpers/fakes.ts";
import { IDLE, image } from "../../helpers/multipart-writer.ts";

const ADDRESS = "192.0.2.1";

const open: Directory[] = [];
afterEach(async () => {
  for (const directory of open.splice(0)) await directory.close();
});

function make(maxStreams = 16) {
  const clock = new FakeClock();
  const viewers: FakeViewer[] = [];
  const made: Entry[] = [];
  /** If set, a new broadcast is not made until this resolves. */
  const gate: { wait?: Promise<void> } = {};
  const entryOf = (name: string, source: IngestSource | FakeSource, permanent: boolean): Entry => {
    const broadcast = new Broadcast({
      name,
      source,
      clock,
      metrics: new Metrics(() => []),
      seats: new Seats({ total: 10, perStream: 10, perAddress: 10 }),
      encoder: () => new FakeEncoder(),
      audience: new LocalAudience(clock, async (offer, events) => {
        const viewer = new FakeViewer(events);
        viewers.push(viewer);
        return { answer: offer, viewer };
      }),
      bitrate: undefined,
      maxPixels: 1000,
      log: () => {},
    });
    return { broadcast, ingest: source instanceof IngestSource ? source : undefined, permanent };
  };
  const newIngest = () => new IngestSource({ maxBytes: 1000, maxPixels: 1000, stallAfter: 5000, clock });
  const directory = new Directory(clock, maxStreams, async (name) => {
    await gate.wait;
    if (name === "broken") throw new Error("no such luck");
    const entry = entryOf(name, newIngest(), false);
    await entry.broadcast.start();
    made.push(entry);
    return entry;
  });
  open.push(directory);
  /** Publishes bytes that are no multipart body. */
  const publishNonsense = async (name: string, before: Buffer = Buffer.alloc(0)) => {
    const publisher = new FakePublisher();
    const feed = (await directory.ingestOf(name)).publish(publisher, false);
    feed.push(Buffer.concat([before, Buffer.from("nonsense\r\n")]));
    return publisher.drops;
  };
  const publish = async (name: string) => {
    const feed = (await directory.ingestOf(name)).publish(new FakePublisher(), false);
    feed.push(image("JPEG"));
    return feed;
  };
  const names = () => directory.all().map(({ name }) => name);
  return { clock, directory, viewers, made, gate, entryOf, newIngest, publish, publishNonsense, names };
}

const MINUTE = 60_000;

describe("a publisher's name", () => {
  test("makes a broadcast that viewers can find", async () => {
    const { directory, publish } = make();
    expect(directory.find("film")).toBeUndefined();
    await publish("film");
    expect(directory.find("film")?.info()).toMatchObject({ name: "film", state: { kind: "live" } });
  });

  test("that exists leads to the same broadcast", async () => {
    const { directory, publish, made } = make();
    const first = await publish("film");
    first.lost();
    await publish("film");
    expect(made).toHaveLength(1);
    expect(directory.find("film")?.info().state).toMatchObject({ kind: "live", run: 2 });
  });

  test.each(["", "-film", ".", "..", "a/b", "a b", "a%20b", "ä", "x".repeat(65), "a\n", "film\0"])(
    "is refused if it is invalid: '%s'",
    async (name) => {
      const { directory, names } = make();
      await expect(directory.ingestOf(name)).rejects.toMatchObject({ status: 404 });
      expect(names()).toEqual([]);
    },
  );

  test.each(["a", "0", "Film-2_b.c", "x".repeat(64), "constructor", "__proto__".slice(2)])(
    "may be '%s'",
    async (name) => {
      const { names, publish } = make();
      await publish(name);
      expect(names()).toEqual([name]);
    },
  );

  test("is refused if a stream with another source has it", async () => {
    const { directory, entryOf } = make();
    directory.add(entryOf("folder", new FakeSource(), true));
    await expect(directory.ingestOf("folder")).rejects.toMatchObject({ status: 409 });
  });

  test("that several publishers use at once makes one broadcast for the first, and refuses the others", async () => {
    const { directory, made, gate, publish } = make();
    let openGate = () => {};
    gate.wait = new Promise((resolve) => {
      openGate = resolve;
    });
    const results = Promise.allSettled([publish("film"), publish("film"), publish("film")]);
    await settle();
    openGate();
    expect((await results).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
    expect(made).toHaveLength(1);
    expect(directory.find("film")).toBe(made[0]?.broadcast);
  });

  test("can be tried again if its broadcast could not be made", async () => {
    const { directory, names } = make(1);
    await expect(directory.ingestOf("broken")).rejects.toThrow("no such luck");
    await expect(directory.ingestOf("broken")).rejects.toThrow("no such luck");
    expect(names()).toEqual([]);
  });
});

describe("the limit of streams", () => {
  test("refuses new names, but not existing streams", async () => {
    const { directory, publish, names } = make(2);
    (await publish("one")).lost();
    await publish("two");
    const refused = directory.ingestOf("three");
    await expect(refused).rejects.toThrow(DirectoryError);
    await expect(refused).rejects.toMatchObject({ status: 503 });
    await publish("one");
    expect(names()).toEqual(["one", "two"]);
  });

  test("holds for publishers that connect at the same time", async () => {
    const { publish, names } = make(3);
    const results = await Promise.allSettled(["a", "b", "c", "d", "e"].map(publish));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
    expect(names()).toHaveLength(3);
  });

  test("has room again when a stream is forgotten", async () => {
    const { clock, publish, names } = make(1);
    (await publish("one")).end();
    await clock.advance(2 * MINUTE);
    await publish("two");
    expect(names()).toEqual(["two"]);
  });
});

describe("a stream without its publisher", () => {
  test("is kept for a minute, is then forgotten, and leaves no timer", async () => {
    const { clock, directory, publish, names } = make();
    const before = clock.timers;
    const feed = await publish("film");
    await clock.advance(5000);
    feed.lost();
    await clock.advance(MINUTE - 1);
    expect(names()).toEqual(["film"]);
    await clock.advance(MINUTE);
    expect(names()).toEqual([]);
    expect(directory.find("film")).toBeUndefined();
    expect(clock.timers).toBe(before);
  });

  test("is kept while a publisher is connected, even if nobody watches", async () => {
    const { clock, publish, names } = make();
    const feed = await publish("film");
    for (let n = 0; n < 30; n++) {
      await clock.advance(9000);
      feed.push(image("JPEG"));
    }
    expect(names()).toEqual(["film"]);
  });

  test("is kept if the publisher comes back within a minute", async () => {
    const { clock, publish, made } = make();
    for (let n = 0; n < 5; n++) {
      (await publish("film")).lost();
      await clock.advance(MINUTE - 1);
    }
    expect(made).toHaveLength(1);
  });

  test.each<[string, (broadcast: Broadcast) => Promise<() => unknown>]>([
    [
      "a WebRTC viewer waits",
      async (broadcast) => {
        const { leave } = await broadcast.watch("offer", ADDRESS, () => {});
        return leave;
      },
    ],
    [
      "an MJPEG viewer waits",
      async (broadcast) => {
        const response = new FakeResponse();
        // A client that reads, so that it is not disconnected.
        broadcast.streamMjpeg(response.asResponse, true, ADDRESS);
        return () => response.destroy();
      },
    ],
    ["a page follows it", async (broadcast) => broadcast.listen(() => {})],
    ["somebody follows its telemetry", async (broadcast) => broadcast.telemetry.follow(() => {})],
  ])("is kept while %s, and forgotten afterwards", async (_, follow) => {
    const { clock, directory, publish, names } = make();
    const feed = await publish("film");
    const broadcast = directory.find("film");
    const leave = await follow(broadcast as Broadcast);
    feed.lost();
    await clock.advance(10 * MINUTE);
    expect(names()).toEqual(["film"]);
    await publish("film");
    expect(directory.find("film")).toBe(broadcast);
    leave();
    await clock.advance(20 * MINUTE);
    expect(names()).toEqual([]);
  });

  test("is never forgotten if it is permanent", async () => {
    const { clock, directory, entryOf, newIngest, names } = make();
    directory.add(entryOf("main", newIngest(), true));
    await clock.advance(10 * MINUTE);
    expect(names()).toEqual(["main"]);
  });

  test("is forgotten at once if its publisher was refused, or left, before its first whole part", async () => {
    const { clock, directory, publishNonsense, made, names } = make();
    const before = clock.timers;
    expect(await publishNonsense("film")).toMatchObject([{ status: 400 }]);
    await settle();
    expect(names()).toEqual([]);
    expect(clock.timers).toBe(before);
    (await directory.ingestOf("film")).publish(new FakePublisher(), false).end();
    await settle();
    expect(names()).toEqual([]);
    expect(made).toHaveLength(2);
  });

  test.each([
    ["a picture", image("JPEG")],
    ["an idle part", IDLE],
  ])("is kept if %s came before the publisher was refused", async (_, part) => {
    const { publishNonsense, names } = make();
    expect(await publishNonsense("film", part)).toMatchObject([{ status: 400 }]);
    await settle();
    expect(names()).toEqual(["film"]);
    await publishNonsense("film");
    await settle();
    expect(names()).toEqual(["film"]);
  });

  test("is kept if another publisher takes over", async () => {
    const { directory, names } = make();
    const ingest = await directory.ingestOf("film");
    ingest.publish(new FakePublisher(), false);
    ingest.publish(new FakePublisher(), true).push(image("JPEG"));
    await settle();
    expect(names()).toEqual(["film"]);
  });

  test("is forgotten, even if viewers wait, if it never had a picture", async () => {
    const { clock, directory, viewers, names } = make();
    const before = clock.timers;
    const feed = (await directory.ingestOf("film")).publish(new FakePublisher(), false);
    feed.push(IDLE);
    const broadcast = directory.find("film");
    broadcast?.listen(() => {});
    broadcast?.telemetry.follow(() => {});
    await broadcast?.watch("offer", ADDRESS, () => {});
    feed.lost();
    await clock.advance(2 * MINUTE);
    expect(names()).toEqual([]);
    expect(viewers[0]?.closedFor).toBeDefined();
    expect(clock.timers).toBe(before);
  });

  test("can be published again after it was forgotten", async () => {
    const { clock, directory, publish, made } = make();
    (await publish("film")).end();
    await clock.advance(2 * MINUTE);
    await publish("film");
    expect(made).toHaveLength(2);
    expect(directory.find("film")?.info().state).toMatchObject({ kind: "live", run: 1 });
  });
});

test("closing the directory closes every broadcast and leaves no timer", async () => {
  const { clock, directory, publish, viewers, made } = make();
  await publish("one");
  await publish("two");
  await made[0]?.broadcast.watch("offer", ADDRESS, () => {});
  await directory.close();
  expect(viewers[0]?.closedFor).toBe("the server stops");
  expect(clock.timers).toBe(0);
});
