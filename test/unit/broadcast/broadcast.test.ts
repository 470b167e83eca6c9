import { afterEach, describe, expect, test } from "vitest";
import { Broadcast } from "../../../src/broadcast/broadcast.ts";
import { Metrics } from "../../../src/broadcast/metrics.ts";
import { FullError, Seats } from "../../../src/broadcast/seats.ts";
import { encodeJpeg } from "../../../src/encoder/image/jpeg.ts";
import type { StreamInfo } from "../../../src/shared/protocol.ts";
import { LocalAudience } from "../../../src/transport/audience/audience.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";
import { FakeEncoder, FakeResponse, FakeSource, FakeViewer } from "../../helpers/fakes.ts";
import { gradientJpeg, imageFrame, plain, stripesFile } from "../../helpers/pictures.ts";

const ADDRESS = "192.0.2.1";

const started: Broadcast[] = [];
afterEach(async () => {
  for (const broadcast of started.splice(0)) await broadcast.close();
});

async function start(maxViewers = 10) {
  const clock = new FakeClock();
  const source = new FakeSource();
  const encoders: FakeEncoder[] = [];
  const viewers: FakeViewer[] = [];
  const logged: string[] = [];
  const broadcast = new Broadcast({
    name: "main",
    source,
    clock,
    metrics: new Metrics(() => []),
    encoder: () => {
      const encoder = new FakeEncoder();
      encoders.push(encoder);
      return encoder;
    },
    audience: new LocalAudience(clock, async (offer, events) => {
      const viewer = new FakeViewer(events);
      viewers.push(viewer);
      return { answer: `answer to ${offer}`, viewer };
    }),
    bitrate: undefined,
    maxPixels: 1_000_000,
    seats: new Seats({ total: maxViewers, perStream: maxViewers, perAddress: maxViewers }),
    log: (line, fields) => fields?.level !== "debug" && logged.push(line),
  });
  started.push(broadcast);
  await broadcast.start();
  const infos: StreamInfo[] = [];
  broadcast.listen((info) => infos.push(info));
  const join = async () => {
    const { leave } = await broadcast.watch("offer", ADDRESS, () => {});
    const viewer = viewers.at(-1) as FakeViewer;
    viewer.events.connected();
    return { viewer, leave };
  };
  const frame = (number: number) => ({
    ...plain(32, 16, [1, 2, 3], number),
    timings: { captured: clock.now(), received: clock.now() },
  });
  const show = async (number: number) => {
    source.sink?.frame(frame(number));
    await settle();
  };
  return { broadcast, source, clock, encoders, viewers, infos, logged, join, show };
}

describe("a broadcast", () => {
  test("encodes nothing and does not wake the source without viewers", async () => {
    const { source, encoders, show } = await start();
    await show(1);
    expect(encoders).toHaveLength(0);
    expect(source.demands).toEqual([false]);
  });

  test("encodes each frame once for any number of viewers", async () => {
    const { encoders, join, show } = await start();
    const viewers = [await join(), await join(), await join()];
    await show(1);
    expect(encoders).toHaveLength(1);
    for (const { viewer } of viewers) expect(viewer.frames).toHaveLength(1);
    expect(viewers[1]?.viewer.frames[0]).toBe(viewers[0]?.viewer.frames[0]);
  });

  test("limits the keyframes that one viewer can request", async () => {
    const { clock, encoders, join, show } = await start();
    const { viewer } = await join();
    await join();
    for (let number = 1; number <= 100; number++) {
      await show(number);
      viewer.events.keyframeNeeded();
      await clock.advance(100);
    }
    const keyframes = encoders[0]?.encoded.filter((type) => type === "key").length;
    expect(keyframes).toBeGreaterThan(3);
    expect(keyframes).toBeLessThan(12);
  });

  test("makes one keyframe for viewers that join together", async () => {
    const { clock, encoders, join, show } = await start();
    await join();
    await show(1);
    await clock.advance(1000);
    const before = encoders[0]?.encoded.length;
    for (let n = 0; n < 8; n++) await join();
    await show(2);
    await clock.advance(1000);
    const since = encoders[0]?.encoded.slice(before) ?? [];
    // Viewers that joined while it was made get the next one.
    expect(since.filter((type) => type === "key").length).toBeLessThan(3);
  });

  test("sends a repeated picture rarely, and a changed one at once", async () => {
    const { clock, source, encoders, join } = await start();
    await join();
    const push = async (telemetry?: string, times = 1) => {
      const before = encoders[0]?.encoded.length ?? 0;
      for (let n = 0; n < times; n++) {
        const captured = clock.now();
        const about = { timings: { captured, received: captured }, ...(telemetry && { telemetry }) };
        source.sink?.frame({ ...plain(32, 16, [1, 2, 3], n + 1), ...about });
        await clock.advance(50);
      }
      return (encoders[0]?.encoded.length ?? 0) - before;
    };
    await push(undefined, 60);
    expect(await push(undefined, 40)).toBeLessThan(8);
    expect(await push('{"angle":1}')).toBe(1);
    expect(await push('{"angle":2}')).toBe(1);
  });

  test("rests when the last viewer leaves, and frees the encoder", async () => {
    const { source, encoders, join, show } = await start();
    const first = await join();
    const second = await join();
    await show(1);
    first.leave();
    expect(source.demands).toEqual([false, true]);
    second.leave();
    expect(source.demands).toEqual([false, true, false]);
    expect(encoders[0]?.closed).toBe(1);
  });

  test("forwards each encoded frame from a keyframe on, with or without viewers", async () => {
    const { broadcast, source, encoders, join, show } = await start();
    const taken: string[] = [];
    const feed = broadcast.forward("vp8", [0], ({ number, type }) => taken.push(`${number} ${type}`));
    expect(source.demands).toEqual([false, true]);
    expect(broadcast.info().viewers).toBe(0);
    await show(1);
    await join();
    await show(2);
    expect(encoders).toHaveLength(1);
    expect(taken).toContain("1 key");
    expect(taken.at(-1)).toMatch(/^2 /);
    const before = taken.length;
    feed.stop();
    await show(3);
    expect(taken).toHaveLength(before);
  });

  test("forwards several renditions, each from a keyframe on, and ends them together", async () => {
    const { broadcast, clock, encoders, show } = await start();
    const taken: string[] = [];
    const feed = broadcast.forward("vp8", [0, 2], ({ level, type }) => taken.push(`${level} ${type}`));
    await show(1);
    await show(2);
    expect(encoders).toHaveLength(2);
    for (const level of [0, 2]) expect(taken.find((one) => one.startsWith(`${level}`))).toBe(`${level} key`);
    const before = encoders.map(({ encoded }) => encoded.filter((type) => type === "key").length);
    feed.requestKeyframe(2);
    feed.requestKeyframe(1);
    await clock.advance(2000);
    await show(3);
    const after = encoders.map(({ encoded }) => encoded.filter((type) => type === "key").length);
    expect(encoders).toHaveLength(2);
    expect(after.map((count, n) => count - (before[n] ?? 0))).toEqual([0, 1]);
    feed.stop();
    expect(encoders.map(({ closed }) => closed)).toEqual([1, 1]);
  });

  test("rests when forwarding ends", async () => {
    const { broadcast, source, encoders, show } = await start();
    const feed = broadcast.forward("vp8", [0], () => {});
    await show(1);
    feed.stop();
    feed.stop();
    feed.requestKeyframe(0);
    expect(source.demands).toEqual([false, true, false]);
    expect(encoders).toHaveLength(1);
    expect(encoders[0]?.closed).toBe(1);
  });

  test("sends a late viewer a still picture that came before any viewer", async () => {
    const { join, show } = await start();
    await show(5);
    const { viewer } = await join();
    await settle();
    expect(viewer.frames.length).toBeGreaterThan(0);
  });

  test("releases the memory of unwatched pictures, except the newest", async () => {
    const { source, join } = await start();
    const [first, second, third, fourth] = [1, 2, 3, 4].map((n) => plain(32, 16, [1, 2, 3], n));
    if (!first || !second || !third || !fourth) throw new Error("no pictures");
    const size = first.data.length;
    source.sink?.frame(first);
    source.sink?.frame(second);
    expect([first, second].map(({ data }) => data.length)).toEqual([0, size]);
    const { leave } = await join();
    source.sink?.frame(third);
    await settle();
    leave();
    source.sink?.frame(fourth);
    expect([second, third, fourth].map(({ data }) => data.length)).toEqual([size, size, size]);
  });

  test("reports a still scene after two seconds, and motion at once", async () => {
    const { broadcast, clock, infos, join, source } = await start();
    source.sink?.state({ kind: "live", since: clock.now(), run: 1 });
    await join();
    const show = async (number: number, color: number) => {
      const timings = { captured: clock.now(), received: clock.now() };
      source.sink?.frame({ ...plain(32, 16, [color, 2, 3], number), timings });
      await settle();
      await clock.advance(100);
    };
    for (let number = 0; number < 20; number++) await show(number, 1);
    expect(broadcast.info()).not.toHaveProperty("still");
    for (let number = 20; number < 25; number++) await show(number, 1);
    expect(broadcast.info().still).toBe(true);
    expect(infos.at(-1)?.still).toBe(true);
    await show(25, 200);
    expect(infos.at(-1)).not.toHaveProperty("still");
  });

  test("sends a still picture again to a viewer that returns", async () => {
    const { join, show } = await start();
    const first = await join();
    await show(5);
    first.leave();
    await settle();
    const { viewer } = await join();
    await settle();
    expect(viewer.frames.length).toBeGreaterThan(0);
  });

  test("sends a still picture that an MJPEG client watches to the first WebRTC viewer, and vice versa", async () => {
    const { broadcast, join, show } = await start();
    const response = new FakeResponse();
    broadcast.streamMjpeg(response.asResponse, true, ADDRESS);
    await show(5);
    const { viewer, leave } = await join();
    await settle();
    expect(viewer.frames.length).toBeGreaterThan(0);
    response.destroy();
    await settle();
    const again = new FakeResponse();
    broadcast.streamMjpeg(again.asResponse, true, ADDRESS);
    await expect.poll(() => again.text).toContain("X-Frame-Number: 5");
    leave();
  });

  test("reports each frame's stage times and telemetry by its RTP timestamp", async () => {
    const { source, clock, join } = await start();
    const { viewer } = await join();
    const timings = { captured: clock.now(), received: clock.now() };
    source.sink?.frame({ ...plain(32, 16, [1, 2, 3], 9), timings, telemetry: '{"angle":31.5}' });
    await settle();
    const rtpTimestamp = viewer.frames[0]?.[0]?.timestamp;
    expect(viewer.reports[0]).toMatchObject({ number: 9, rtpTimestamp, telemetry: { angle: 31.5 } });
  });

  test("keeps the source awake for telemetry clients without encoding", async () => {
    const { source, broadcast, show } = await start();
    expect(source.demands.at(-1)).toBe(false);
    const stop = broadcast.telemetry.follow(() => {});
    expect(source.demands.at(-1)).toBe(true);
    await show(1);
    expect(broadcast.info().width).toBe(0);
    stop();
    expect(source.demands.at(-1)).toBe(false);
  });

  test("sends each frame's telemetry at once, and the last one to late clients", async () => {
    const { broadcast, source } = await start();
    const early: unknown[] = [];
    const stop = broadcast.telemetry.follow((json) => early.push(JSON.parse(json)));
    for (const angle of [1, 2]) {
      source.sink?.frame({ ...plain(32, 16, [1, 2, 3], angle), telemetry: `{"angle":${angle}}` });
    }
    stop();
    source.sink?.frame(plain(32, 16, [1, 2, 3], 3));
    const late: unknown[] = [];
    broadcast.telemetry.follow((json) => late.push(JSON.parse(json)));
    expect(early).toMatchObject([
      { number: 1, data: { angle: 1 } },
      { number: 2, data: { angle: 2 } },
    ]);
    expect(late).toMatchObject([{ number: 2, data: { angle: 2 } }]);
  });

  test("drops a picture that cannot be decoded and keeps the last good one", async () => {
    const { broadcast, clock, source, join, show } = await start();
    const { viewer } = await join();
    await show(1);
    source.sink?.frame(imageFrame(Buffer.from("torn"), "image/jpeg", 2));
    const snapshot = broadcast.snapshot();
    await clock.advance(1000);
    expect(await snapshot).toMatchObject({ number: 1 });
    expect(viewer.frames.length).toBeGreaterThan(0);
  });

  test("reports a problem while pictures cannot be decoded", async () => {
    const { broadcast, source, join } = await start();
    await join();
    const badPicture = () => source.sink?.frame(imageFrame(Buffer.from("no picture")));
    badPicture();
    await settle();
    expect(broadcast.info().problem).toBeUndefined();
    const problemAfterAnother = () => {
      badPicture();
      return broadcast.info().problem;
    };
    await expect.poll(problemAfterAnother).toMatch(/^The pictures that come cannot be shown: .*\.$/);
    source.sink?.frame(plain(32, 16, [1, 2, 3], 4));
    await expect.poll(() => broadcast.info().problem).toBeUndefined();
  });

  test("keeps the decoder's own messages from viewers and from the log at its usual level", async () => {
    const { broadcast, infos, logged, source, join } = await start();
    await join();
    const torn = (await gradientJpeg(64, 48)).subarray(0, -20);
    await expect
      .poll(() => {
        source.sink?.frame(imageFrame(torn));
        return broadcast.info().problem;
      })
      .toMatch(/^The pictures that come cannot be shown: /);
    expect(JSON.stringify([infos, logged])).not.toMatch(/vips|premature/i);
  });

  test("logs occasional undecodable pictures every ten seconds at most", async () => {
    const { broadcast, clock, source, logged, join } = await start();
    await join();
    const problem = () => broadcast.info().problem;
    const breakAndMend = async () => {
      const problemAfterAnother = () => {
        source.sink?.frame(imageFrame(Buffer.from("no picture")));
        return problem();
      };
      await expect.poll(problemAfterAnother).toBeDefined();
      source.sink?.frame(plain(32, 16, [1, 2, 3], 4));
      await expect.poll(problem).toBeUndefined();
    };
    for (let n = 0; n < 5; n++) await breakAndMend();
    expect(logged).toEqual([
      expect.stringMatching(/^main: The pictures that come cannot be shown: .{1,100}\.$/),
    ]);
    await clock.advance(10_000);
    for (let n = 0; n < 2; n++) await breakAndMend();
    expect(logged).toHaveLength(2);
  });

  test("reports a source's problem at once, until it is solved or a frame comes", async () => {
    const { broadcast, infos, source, show } = await start();
    source.sink?.problem("There is no camera.");
    expect(infos.at(-1)?.problem).toBe("There is no camera.");
    source.sink?.problem(undefined);
    expect(infos.at(-1)).not.toHaveProperty("problem");
    source.sink?.problem("There is no camera.");
    const told = infos.length;
    await show(1);
    expect(broadcast.info()).not.toHaveProperty("problem");
    expect(infos.length).toBeGreaterThan(told);
  });

  test("sends a JPEG to MJPEG clients byte for byte", async () => {
    const { broadcast, source } = await start();
    const jpeg = await encodeJpeg(plain(32, 16, [200, 10, 10]));
    const response = new FakeResponse();
    broadcast.streamMjpeg(response.asResponse, false, ADDRESS);
    source.sink?.frame(imageFrame(jpeg));
    await expect.poll(() => response.text).toContain(jpeg.toString("latin1"));
  });

  test("converts a mislabelled picture to JPEG for MJPEG clients", async () => {
    const { broadcast, source } = await start();
    const response = new FakeResponse();
    broadcast.streamMjpeg(response.asResponse, true, ADDRESS);
    source.sink?.frame(imageFrame(await stripesFile("png", 32, 16, [[200, 10, 10]]), "image/jpeg"));
    await expect.poll(() => response.text, { timeout: 20_000 }).toContain("X-Frame-Number: 1");
    await expect.poll(() => response.text).toContain("\r\n\r\n\xff\xd8");
    expect(response.text).not.toContain("PNG");
  });

  test("refuses viewers beyond the limit with a message", async () => {
    const { broadcast, join } = await start(2);
    const first = await join();
    broadcast.streamMjpeg(new FakeResponse().asResponse, false, ADDRESS);
    await expect(join()).rejects.toThrow(FullError);
    expect(() => broadcast.streamMjpeg(new FakeResponse().asResponse, false, ADDRESS)).toThrow(FullError);
    first.leave();
    await join();
  });

  test("counts a viewer that left in the next description", async () => {
    const { infos, join } = await start();
    const { viewer } = await join();
    expect(infos.at(-1)?.viewers).toBe(1);
    viewer.close("silent");
    expect(infos.at(-1)?.viewers).toBe(0);
  });

  test("closes its viewers and its source, and leaves no timer", async () => {
    const { broadcast, clock, source, join, show } = await start();
    const { viewer } = await join();
    await show(1);
    await broadcast.close();
    await settle();
    expect(viewer.closedFor).toBe("the server stops");
    expect(source.closed).toBe(true);
    expect(clock.timers).toBe(0);
  });
});

describe("a snapshot", () => {
  test("waits for a current picture and wakes the source only meanwhile", async () => {
    const { broadcast, source, show } = await start();
    const snapshot = broadcast.snapshot();
    expect(source.demands).toEqual([false, true]);
    await show(3);
    expect(await snapshot).toMatchObject({ number: 3 });
    expect(source.demands).toEqual([false, true, false]);
  });

  test("ends its demand, and never returns an older picture than the new one", async () => {
    const { broadcast, source, show } = await start();
    for (const number of [3, 4]) {
      const snapshot = broadcast.snapshot();
      await show(number);
      expect(await snapshot).toMatchObject({ number });
      expect(source.demands.at(-1)).toBe(false);
    }
  });

  test("is shared by simultaneous requests", async () => {
    const { broadcast, show } = await start();
    const snapshots = Array.from({ length: 100 }, () => broadcast.snapshot());
    await show(3);
    expect(new Set(await Promise.all(snapshots)).size).toBe(1);
  });

  test("falls back to the last picture", async () => {
    const { broadcast, clock, show } = await start();
    await show(4);
    const snapshot = broadcast.snapshot();
    await clock.advance(1000);
    expect(await snapshot).toMatchObject({ number: 4 });
  });

  test("is undefined before the first picture", async () => {
    const { broadcast, clock } = await start();
    const snapshot = broadcast.snapshot();
    await clock.advance(1000);
    expect(await snapshot).toBeUndefined();
  });
});

describe("data without a picture", () => {
  test("reaches viewers with the next picture", async () => {
    const { broadcast, join, show } = await start();
    const { viewer } = await join();
    const told: string[] = [];
    broadcast.telemetry.follow((json) => told.push(json));
    await show(1);
    broadcast.publishData('{"elbow":1}');
    expect(told).toEqual([]);
    await show(2);
    expect(viewer.reports.at(-1)).toMatchObject({ number: 2, telemetry: { elbow: 1 } });
    expect(told.map((json) => JSON.parse(json))).toMatchObject([{ number: 2, data: { elbow: 1 } }]);
  });

  test("reaches viewers with the picture that they see if no other comes", async () => {
    const { broadcast, clock, join, show } = await start();
    const { viewer } = await join();
    await show(1);
    for (const elbow of [1, 2]) {
      broadcast.publishData(JSON.stringify({ elbow }));
      await clock.advance(110);
      expect(viewer.reports.at(-1)).toMatchObject({ number: 1, telemetry: { elbow } });
    }
  });

  test("reaches followers of the telemetry before there is a picture, and nobody after the end", async () => {
    const { broadcast, clock } = await start();
    const told: string[] = [];
    broadcast.telemetry.follow((json) => told.push(json));
    broadcast.publishData('{"elbow":1}');
    await clock.advance(110);
    expect(told.map((json) => JSON.parse(json))).toMatchObject([{ number: 0, data: { elbow: 1 } }]);
    await broadcast.close();
    broadcast.publishData('{"elbow":2}');
    await clock.advance(110);
    expect(told).toHaveLength(1);
  });
});
