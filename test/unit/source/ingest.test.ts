import { describe, expect, test } from "vitest";
import type { Clock, EpochMs } from "../../../src/base/clock.ts";
import { MultipartParser } from "../../../src/shared/multipart.ts";
import { type IngestOptions, IngestSource, TakenError } from "../../../src/source/ingest/ingest.ts";
import { publisherLog } from "../../../src/source/ingest/publisher-log.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";
import { FakePublisher, FakeSink } from "../../helpers/fakes.ts";
import { CLOSING, IDLE, image, part, raw } from "../../helpers/multipart-writer.ts";

async function start(options: Partial<IngestOptions> = {}) {
  const clock = new FakeClock();
  const sink = new FakeSink();
  const source = new IngestSource({
    maxBytes: 100_000,
    maxPixels: 10_000,
    stallAfter: 5000,
    clock,
    ...options,
  });
  await source.start(sink);
  const publish = (who = new FakePublisher(), takeover = false) =>
    Object.assign(source.publish(who, takeover), { drops: who.drops });
  const state = () => sink.states.at(-1);
  return { clock, sink, source, publish, state };
}

describe("a publisher's stream", () => {
  test("is waiting until the first picture, and then live", async () => {
    const { clock, sink, publish, state } = await start();
    const feed = publish();
    feed.push(IDLE);
    expect(sink.states).toEqual([{ kind: "waiting" }]);
    await clock.advance(10);
    feed.push(image("JPEG"));
    expect(state()).toEqual({ kind: "live", since: clock.now(), run: 1 });
    expect(sink.frames).toMatchObject([{ kind: "image", data: Buffer.from("JPEG"), number: 1 }]);
  });

  test("is reported live once, before its first frame is delivered", async () => {
    const clock = new FakeClock();
    const source = new IngestSource({ maxBytes: 1000, maxPixels: 1000, stallAfter: 5000, clock });
    const order: string[] = [];
    await source.start({
      frame: () => order.push("frame"),
      state: ({ kind }) => order.push(kind),
      problem: () => order.push("problem"),
    });
    const feed = source.publish(new FakePublisher(), false);
    feed.push(image("1"));
    feed.push(image("2"));
    expect(order).toEqual(["waiting", "live", "frame", "frame"]);
  });

  test("numbers its frames, continuing from the publisher's own numbers", async () => {
    const { sink, publish } = await start();
    const feed = publish();
    feed.push(image("a"));
    feed.push(image("b", { "X-Frame-Number": "40" }));
    feed.push(image("c"));
    feed.end();
    publish().push(image("d"));
    expect(sink.frames.map(({ number }) => number)).toEqual([1, 40, 41, 42]);
  });

  test("reads parts wherever the network cuts them", async () => {
    const body = Buffer.concat([
      image("JPEG", { "X-Telemetry": '{"a":1}' }),
      IDLE,
      raw("rgb", 3, 1),
      CLOSING,
    ]);
    for (let cut = 1; cut < body.length; cut += 7) {
      const { sink, publish, state } = await start();
      const feed = publish();
      for (let at = 0; at < body.length; at += cut) feed.push(body.subarray(at, at + cut));
      expect(sink.frames).toMatchObject([
        { kind: "image", telemetry: '{"a":1}' },
        { kind: "raw", width: 3, height: 1 },
      ]);
      expect(feed.end()).toBe(true);
      expect(state()?.kind).toBe("ended");
      expect(feed.drops).toEqual([]);
    }
  });

  test("keeps the whole frames before an error in the same chunk", async () => {
    const { sink, publish } = await start();
    const feed = publish();
    feed.push(Buffer.concat([image("one"), image("two"), Buffer.from("no boundary\r\n")]));
    expect(sink.frames.map(({ data }) => data.toString())).toEqual(["one", "two"]);
    expect(feed.drops).toMatchObject([{ status: 400 }]);
  });

  test("takes the boundary from the first line if the request named none", async () => {
    const { sink, publish } = await start();
    const body = Buffer.concat([image("JPEG"), CLOSING])
      .toString("latin1")
      .replaceAll("--frame", "--other");
    publish(new FakePublisher("ffmpeg", {})).push(Buffer.from(body, "latin1"));
    expect(sink.frames).toHaveLength(1);
  });

  test("shares no memory with the network's chunks", async () => {
    const { sink, publish } = await start();
    const chunk = image("kept");
    publish().push(chunk);
    chunk.fill(0);
    expect(sink.frames[0]?.data.toString()).toBe("kept");
  });

  test("says that its own Blender is starting, and has the label of Blender's scene", async () => {
    const own = { label: "scene.blend", waiting: "Blender is starting" };
    const { sink, source, publish } = await start({ own });
    expect(source.label).toBe("scene.blend");
    expect(sink.states).toEqual([{ kind: "waiting", why: "Blender is starting" }]);
    const blender = publish(Object.assign(new FakePublisher("publisher on this machine"), { own: true }));
    blender.push(image("JPEG"));
    expect(source.label).toBe("scene.blend");
    blender.end();
    publish(new FakePublisher("publisher in the network"));
    expect(source.label).toBe("publisher in the network");
  });

  test("has the label of its publisher", async () => {
    const { source, publish } = await start();
    expect(source.label).toBe("a publisher");
    publish(new FakePublisher("publisher in the network")).end();
    expect(source.label).toBe("publisher in the network");
  });
});

describe("the end of a publisher", () => {
  test("with the closing boundary makes the stream ended", async () => {
    const { clock, publish, state } = await start();
    const feed = publish();
    feed.push(image("JPEG"));
    feed.push(CLOSING);
    await clock.advance(100);
    expect(feed.end()).toBe(true);
    expect(state()).toEqual({ kind: "ended", since: clock.now() });
  });

  test("between two parts without a closing boundary, as with ffmpeg, makes the stream ended", async () => {
    const { publish, state } = await start();
    const feed = publish();
    feed.push(image("JPEG"));
    expect(feed.end()).toBe(true);
    expect(state()?.kind).toBe("ended");
  });

  test("within a part makes the stream crashed, and is counted", async () => {
    const { source, publish, state } = await start();
    const feed = publish();
    feed.push(image("JPEG"));
    feed.push(image("the second").subarray(0, -5));
    expect(feed.end()).toBe(false);
    expect(state()?.kind).toBe("crashed");
    expect(source.counters()).toEqual({ taken: 1, cut_off: 1 });
  });

  test("by a lost connection makes the stream crashed, and is counted", async () => {
    const { source, publish, state } = await start();
    const feed = publish();
    feed.push(image("JPEG"));
    feed.lost();
    expect(state()?.kind).toBe("crashed");
    expect(source.counters()).toEqual({ taken: 1, lost: 1 });
  });

  test("by a lost connection after the closing boundary makes the stream ended", async () => {
    const { source, publish, state } = await start();
    const feed = publish();
    feed.push(image("JPEG"));
    feed.push(CLOSING);
    feed.lost();
    expect(state()?.kind).toBe("ended");
    expect(source.counters()).toEqual({ taken: 1 });
  });

  test("before the first picture leaves the stream waiting", async () => {
    const { sink, publish } = await start();
    const first = publish();
    first.push(IDLE);
    first.lost();
    publish().end();
    expect(sink.states).toEqual([{ kind: "waiting" }]);
  });

  test("is final: later events of the connection have no effect", async () => {
    const { clock, source, sink, publish, state } = await start();
    const feed = publish();
    feed.push(image("JPEG"));
    feed.end();
    const second = publish();
    second.push(image("second"));
    feed.push(image("late"));
    feed.lost();
    feed.end();
    await clock.advance(5000);
    expect(state()).toMatchObject({ kind: "live", run: 2 });
    expect(sink.frames.map(({ data }) => data.toString())).toEqual(["JPEG", "second"]);
    expect(source.counters()).toEqual({ taken: 2 });
    expect(feed.drops).toEqual([]);
  });

  test("leaves no timer but the source's own", async () => {
    const { clock, publish } = await start();
    const before = clock.timers;
    for (const end of ["end", "lost"] as const) {
      const feed = publish();
      expect(clock.timers).toBe(before + 1);
      feed[end]();
      expect(clock.timers).toBe(before);
    }
    publish().push(Buffer.from("no boundary\r\n"));
    expect(clock.timers).toBe(before);
  });

  test("starts the count of the abandoned time", async () => {
    const { clock, source, publish } = await start();
    await clock.advance(700);
    expect(source.abandonedFor).toBe(700);
    const feed = publish();
    await clock.advance(5000);
    expect(source.abandonedFor).toBe(0);
    feed.lost();
    await clock.advance(300);
    expect(source.abandonedFor).toBe(300);
  });
});

describe("the log of publishers", () => {
  const AT = "publisher at 192.0.2.7";

  async function logged() {
    const lines: string[] = [];
    return { lines, ...(await start({ log: (line) => lines.push(line) })) };
  }

  test("has a line for each publisher after its first whole part, and one for its end", async () => {
    const { clock, lines, publish } = await logged();
    const told = () => lines.splice(0);
    const first = publish();
    expect(told()).toEqual([]);
    first.push(IDLE);
    first.push(image("1"));
    expect(told()).toEqual([`a ${AT} connected.`]);
    first.end();
    first.lost();
    expect(told()).toEqual([`the ${AT} ended.`]);
    publish().push(image("2"));
    const taking = publish(new FakePublisher(), true);
    taking.push(image("3"));
    expect(told()).toEqual([
      `a ${AT} connected.`,
      `the ${AT} was disconnected: Another publisher has taken over.`,
      `a ${AT} connected.`,
    ]);
    taking.lost();
    expect(told()).toEqual([`the ${AT} lost its connection.`]);
    publish();
    await clock.advance(12_000);
    expect(told()).toEqual([
      expect.stringMatching(/^a publisher at 192\.0\.2\.7 was refused: Nothing came .*\.$/),
    ]);
  });

  test("has no line for publishers without a part, for the server's own, or when it closes", async () => {
    const { lines, source, publish } = await logged();
    publish().lost();
    publish().end();
    const own = publish(Object.assign(new FakePublisher(), { own: true }));
    own.push(image("1"));
    own.end();
    expect(lines).toEqual([]);
    publish().push(IDLE);
    await source.close();
    expect(lines).toEqual([`a ${AT} connected.`]);
  });

  test("is limited if a publisher returns often, and has no control characters", async () => {
    const clock = new FakeClock();
    const lines: string[] = [];
    const tell = publisherLog(clock, (line) => lines.push(line));
    for (let n = 0; n < 1000; n++) tell(`film: number ${n}\x1b\n`);
    expect(lines).toHaveLength(11);
    expect(lines[0]).toBe("film: number 0??");
    expect(lines[10]).toMatch(/too often/);
    await clock.advance(60_000);
    tell("film: later");
    expect(lines.at(-1)).toBe("film: later");
  });
});

describe("a publisher that returns", () => {
  test("continues the same stream, as its second run", async () => {
    const { clock, sink, publish, state } = await start();
    const first = publish();
    first.push(image("1"));
    first.push(image("half a picture").subarray(0, -6));
    first.lost();
    await clock.advance(1000);
    const second = publish();
    // The stream is still crashed until the new publisher has a picture.
    expect(state()?.kind).toBe("crashed");
    second.push(image("2"));
    expect(state()).toEqual({ kind: "live", since: clock.now(), run: 2 });
    expect(sink.frames.map(({ number }) => number)).toEqual([1, 2]);
  });

  test("does not count as a run without a picture", async () => {
    const { publish, state } = await start();
    publish().lost();
    publish().end();
    publish().push(image("1"));
    expect(state()).toMatchObject({ kind: "live", run: 1 });
  });
});

describe("a second publisher", () => {
  test("is refused with a message, and the first is not affected", async () => {
    const { sink, source, publish } = await start();
    const first = publish(new FakePublisher());
    first.push(image("1"));
    const second = new FakePublisher("another");
    expect(() => source.publish(second, false)).toThrow(TakenError);
    expect(() => source.publish(second, false)).toThrow(
      /^A publisher at 192\.0\.2\.7 is connected already: .*\.$/,
    );
    first.push(image("2"));
    expect(sink.frames).toHaveLength(2);
    expect([first.drops, second.drops]).toEqual([[], []]);
    expect(source.label).toBe("somebody");
  });

  test("that takes over drops the first, and begins another run", async () => {
    const { sink, publish, state, clock } = await start();
    const first = publish();
    first.push(image("1"));
    const second = publish(new FakePublisher("the new one"), true);
    expect(first.drops).toEqual([{ status: 409, message: "Another publisher has taken over." }]);
    first.push(image("late"));
    first.end();
    second.push(image("2"));
    first.lost();
    expect(sink.frames.map(({ data }) => data.toString())).toEqual(["1", "2"]);
    expect(state()).toEqual({ kind: "live", since: clock.now(), run: 2 });
    expect(second.drops).toEqual([]);
  });

  test("may take over even if nobody is publishing", async () => {
    const { publish, state } = await start();
    publish(new FakePublisher(), true).push(image("1"));
    expect(state()).toMatchObject({ kind: "live", run: 1 });
  });
});

describe("silence", () => {
  test("of more than ten seconds drops the publisher with 408", async () => {
    const { clock, source, publish, state } = await start();
    const before = clock.timers;
    const feed = publish();
    feed.push(image("1"));
    await clock.advance(10_000);
    expect(feed.drops).toEqual([]);
    await clock.advance(1001);
    expect(feed.drops).toMatchObject([{ status: 408, message: expect.stringMatching(/^Nothing .*\.$/) }]);
    expect(state()?.kind).toBe("crashed");
    expect(source.counters()).toEqual({ taken: 1, silent: 1 });
    expect(clock.timers).toBe(before);
  });

  test("from the start drops the publisher too", async () => {
    const { clock, publish } = await start();
    const feed = publish();
    await clock.advance(11_001);
    expect(feed.drops).toMatchObject([{ status: 408 }]);
  });

  test.each<[string, Buffer]>([
    ["an idle part", IDLE],
    ["the bytes of a long part, if they are not too slow", Buffer.alloc(5000)],
  ])("is broken by %s", async (_, sign) => {
    const { clock, publish } = await start({ maxBytes: 1_000_000 });
    const feed = publish();
    if (sign !== IDLE) feed.push(Buffer.from("--frame\r\nContent-Length: 1000000\r\n\r\n"));
    for (let second = 0; second < 150; second++) {
      await clock.advance(1000);
      feed.push(sign);
    }
    expect(feed.drops).toEqual([]);
  });

  test("is not broken for long by single bytes that complete no part", async () => {
    const { clock, source, publish } = await start();
    const feed = publish();
    feed.push(Buffer.from("--frame\r\nContent-Length: 1000\r\n\r\n"));
    const trickle = async (seconds: number) => {
      for (let second = 0; second < seconds; second++) {
        await clock.advance(1000);
        feed.push(Buffer.from("x"));
      }
    };
    await trickle(30);
    expect(feed.drops).toEqual([]);
    await trickle(2);
    expect(feed.drops).toMatchObject([{ status: 408, message: expect.stringMatching(/^No part .*\.$/) }]);
    expect(source.counters()).toEqual({ silent: 1 });
  });

  test("of a dropped publisher does not drop the next one", async () => {
    const { clock, publish } = await start();
    const silent = publish();
    await clock.advance(11_001);
    const next = publish();
    for (let second = 0; second < 20; second++) {
      await clock.advance(1000);
      next.push(IDLE);
    }
    expect([silent.drops.length, next.drops.length]).toEqual([1, 0]);
  });
});

describe("a flood of parts", () => {
  /** A clock that advances a millisecond each time it is read, so that all work takes time. */
  async function startSlow() {
    const fake = new FakeClock();
    let spent = 0;
    const now = () => (fake.now() + spent++) as EpochMs;
    const clock: Clock = { now, after: (...of) => fake.after(...of), every: (...of) => fake.every(...of) };
    return start({ clock });
  }
  const flood = Buffer.concat(Array.from({ length: 50 }, (_, n) => image(String(n))));
  const told = Array.from({ length: 50 }, (_, n) => String(n));

  test("is read in several turns, in order, and before what comes later", async () => {
    const { sink, publish } = await startSlow();
    const feed = publish();
    feed.push(flood);
    const taken = () => sink.frames.map(({ data }) => data.toString());
    expect(taken().length).toBeGreaterThan(0);
    expect(taken().length).toBeLessThan(10);
    await feed.working();
    expect(taken()).toEqual(told);
    feed.push(image("last"));
    await feed.working();
    expect(taken()).toEqual([...told, "last"]);
  });

  test("lets other work run in between", async () => {
    const { sink, publish } = await startSlow();
    const seen = new Set<number>();
    const feed = publish();
    feed.push(flood);
    let done = false;
    void feed.working()?.then(() => {
      done = true;
    });
    while (!done) {
      seen.add(sink.frames.length);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen.size).toBeGreaterThan(5);
  });

  test.each<[string, (to: { source: IngestSource; publish: () => unknown }) => unknown]>([
    ["another takes over", ({ source }) => source.publish(new FakePublisher("other"), true)],
    ["the source is closed", ({ source }) => source.close()],
  ])("ends at once if %s", async (_, end) => {
    const { sink, source, publish } = await startSlow();
    const feed = publish();
    feed.push(flood);
    const working = feed.working();
    await end({ source, publish });
    const taken = sink.frames.length;
    await working;
    expect(sink.frames).toHaveLength(taken);
    expect(taken).toBeLessThan(50);
    expect(feed.drops).toHaveLength(1);
  });

  test("is read to its end even if the connection is lost after it", async () => {
    const { sink, publish, state } = await startSlow();
    const feed = publish();
    feed.push(Buffer.concat([flood, CLOSING]));
    feed.lost();
    expect(state()?.kind).toBe("live");
    await feed.working();
    await settle();
    expect(sink.frames).toHaveLength(50);
    expect(state()?.kind).toBe("ended");
  });
});

describe("a stall", () => {
  const idleFor = async (seconds: number, clock: FakeClock, feed: { push(chunk: Buffer): void }) => {
    for (let second = 0; second < seconds; second++) {
      await clock.advance(1000);
      feed.push(IDLE);
    }
  };

  test("is reported if somebody watches and no picture comes, until the next picture", async () => {
    const { clock, source, publish, state } = await start();
    source.demand(true);
    const feed = publish();
    feed.push(image("1"));
    const shown = clock.now();
    await idleFor(5, clock, feed);
    expect(state()?.kind).toBe("live");
    await idleFor(1, clock, feed);
    expect(state()).toEqual({ kind: "stalled", since: shown });
    feed.push(image("2"));
    expect(state()).toEqual({ kind: "live", since: clock.now(), run: 1 });
  });

  test("is not reported while nobody watches", async () => {
    const { clock, publish, state } = await start();
    const feed = publish();
    feed.push(image("1"));
    await idleFor(60, clock, feed);
    expect(state()?.kind).toBe("live");
  });

  test("is timed from the first viewer if the publisher rested before", async () => {
    const { clock, source, publish, state } = await start();
    const feed = publish();
    feed.push(image("1"));
    await idleFor(60, clock, feed);
    source.demand(true);
    await idleFor(4, clock, feed);
    // A second viewer does not restart the time.
    source.demand(true);
    expect(state()?.kind).toBe("live");
    await idleFor(2, clock, feed);
    expect(state()?.kind).toBe("stalled");
  });

  test("is not reported before the first picture or after the publisher has ended", async () => {
    const { clock, source, publish, state } = await start();
    source.demand(true);
    const feed = publish();
    await idleFor(20, clock, feed);
    expect(state()).toEqual({ kind: "waiting" });
    feed.push(image("1"));
    feed.end();
    await clock.advance(20_000);
    expect(state()?.kind).toBe("ended");
  });
});

describe("malformed input", () => {
  const header = (name: string, value: string) => image("JPEG", { [name]: value });

  test.each<[string, Buffer, number, string]>([
    ["no multipart", Buffer.from("\xff\xd8\xff a JPEG alone\n", "latin1"), 400, "malformed"],
    ["another boundary", Buffer.from("--other\r\n\r\n"), 400, "malformed"],
    ["a header without a name", Buffer.from("--frame\r\n: x\r\n"), 400, "malformed"],
    ["a length that is no number", header("Content-Length", "many"), 400, "malformed"],
    ["a part longer than allowed", header("Content-Length", "100001"), 413, "too_large"],
    [
      "a part without a length that is longer than allowed",
      Buffer.concat([Buffer.from("--frame\r\n\r\n"), Buffer.alloc(101_000)]),
      413,
      "too_large",
    ],
    ["a huge length", header("Content-Length", "9".repeat(400)), 413, "too_large"],
    ["too many headers", Buffer.from(`--frame\r\n${numbered(70)}`), 400, "malformed"],
    ["an endless line", Buffer.from(`--frame\r\nX: ${"x".repeat(30_000)}`), 400, "malformed"],
    ["a type that is no picture", header("Content-Type", "text/html"), 415, "bad_format"],
    ["an unknown raw format", part({ "Content-Type": "application/x-raw-pixels" }, "x"), 415, "bad_format"],
    ["raw pixels of another length", raw("rgb", 10, 10, Buffer.alloc(299)), 400, "bad_length"],
    ["too many pixels", raw("rgb", 101, 100, Buffer.alloc(3)), 413, "too_large"],
    ["an invalid frame number", header("X-Frame-Number", "-1"), 400, "bad_header"],
    ["an invalid capture time", header("X-Captured", "now"), 400, "bad_header"],
    ["telemetry that is no JSON", header("X-Telemetry", "angle=1"), 400, "bad_telemetry"],
    ["telemetry beyond 16 KiB", header("X-Telemetry", `{"a":"${"x".repeat(16_384)}"}`), 400, "bad_telemetry"],
  ])("%s gets an answer in one sentence, is counted, and makes the stream crashed", async (...theCase) => {
    const [, bytes, status, fault] = theCase;
    const { source, sink, publish, state } = await start();
    const feed = publish();
    feed.push(image("JPEG"));
    feed.push(bytes);
    expect(feed.drops).toEqual([{ status, message: expect.stringMatching(/^[A-Z0-9][^\n]*[^.]\.$/) }]);
    expect(source.counters()).toEqual({ taken: 1, [fault]: 1 });
    expect(state()?.kind).toBe("crashed");

    feed.push(image("after"));
    feed.push(bytes);
    expect(feed.end()).toBe(true);
    feed.lost();
    expect(feed.drops).toHaveLength(1);
    expect(sink.frames).toHaveLength(1);
    publish().push(image("the next"));
    expect(state()).toMatchObject({ kind: "live", run: 2 });
  });

  test("too short a length is noticed at the missing boundary", async () => {
    const { sink, publish } = await start();
    const feed = publish();
    feed.push(Buffer.concat([header("Content-Length", "2"), image("next")]));
    expect(feed.drops).toMatchObject([{ status: 400 }]);
    expect(sink.frames.map(({ data }) => data.toString())).toEqual(["JP"]);
  });

  test("too long a part is refused before memory is allocated for it", () => {
    const allocations: number[] = [];
    const allocate = (bytes: number) => {
      allocations.push(bytes);
      return new Uint8Array(bytes);
    };
    const parser = new MultipartParser("frame", { maxPartBytes: 1000, allocate });
    expect(() => parser.read(image("x", { "Content-Length": "1001" })).next()).toThrow("1000 bytes");
    expect(allocations).toEqual([]);
  });

  test("bytes and pixels exactly at the limit are accepted", async () => {
    const { publish } = await start({ maxBytes: 30_000, maxPixels: 10_000 });
    const feed = publish();
    feed.push(raw("rgb", 100, 100));
    feed.push(image(Buffer.alloc(30_000)));
    expect(feed.drops).toEqual([]);
    feed.push(image(Buffer.alloc(30_001)));
    expect(feed.drops).toMatchObject([{ status: 413 }]);
  });

  function numbered(count: number): string {
    return Array.from({ length: count }, (_, n) => `X-${n}: x\r\n`).join("");
  }
});

describe("closing the source", () => {
  test("drops the publisher, delivers nothing more and leaves no timer", async () => {
    const { clock, source, sink, publish } = await start();
    const feed = publish();
    feed.push(image("1"));
    await source.close();
    expect(feed.drops).toMatchObject([{ status: 503 }]);
    expect(clock.timers).toBe(0);
    const told = [sink.frames.length, sink.states.length];
    feed.push(image("2"));
    feed.lost();
    await clock.advance(60_000);
    expect([sink.frames.length, sink.states.length]).toEqual(told);
  });

  test("drops later publishers too, and leaves no timer", async () => {
    const { clock, source, publish } = await start();
    await source.close();
    expect(publish().drops).toMatchObject([{ status: 503 }]);
    expect(clock.timers).toBe(0);
  });

  test("works twice, and before the start", async () => {
    const { clock, source } = await start();
    await source.close();
    await source.close();
    expect(clock.timers).toBe(0);
    await new IngestSource({ maxBytes: 1, maxPixels: 1, stallAfter: 1, clock }).close();
  });
});
