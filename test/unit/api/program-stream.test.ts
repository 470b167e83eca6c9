import { afterEach, describe, expect, test, vi } from "vitest";
import { ProgramStream } from "../../../src/api/program-stream.ts";
import { PushError } from "../../../src/api/push-error.ts";
import type { Frame } from "../../../src/api/types.ts";
import { Broadcast } from "../../../src/broadcast/broadcast.ts";
import { Metrics } from "../../../src/broadcast/metrics.ts";
import { Seats } from "../../../src/broadcast/seats.ts";
import type { SourceFrame } from "../../../src/media/frame.ts";
import { IngestSource } from "../../../src/source/ingest/ingest.ts";
import { LocalAudience } from "../../../src/transport/audience/audience.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";
import { FakeEncoder, FakePublisher, FakeResponse, FakeViewer } from "../../helpers/fakes.ts";

const PIXELS = { format: "rgb", width: 2, height: 2, data: new Uint8Array(12).fill(7) } as const;

const started: Broadcast[] = [];
afterEach(async () => {
  for (const broadcast of started.splice(0)) await broadcast.close();
});

async function start() {
  const clock = new FakeClock();
  const ingest = new IngestSource({ maxBytes: 100_000, maxPixels: 10_000, stallAfter: 5000, clock });
  const viewers: FakeViewer[] = [];
  const broadcast = new Broadcast({
    name: "main",
    source: ingest,
    clock,
    metrics: new Metrics(() => []),
    encoder: () => new FakeEncoder(),
    audience: new LocalAudience(clock, async (_offer, events) => {
      const viewer = new FakeViewer(events);
      viewers.push(viewer);
      return { answer: "answer", viewer };
    }),
    bitrate: undefined,
    maxPixels: 10_000,
    seats: new Seats({ total: 10, perStream: 10, perAddress: 10 }),
    log: () => {},
  });
  started.push(broadcast);
  const frames: SourceFrame[] = [];
  vi.spyOn(broadcast, "frame").mockImplementation((frame) => frames.push(frame));
  await broadcast.start();
  return { clock, ingest, broadcast, viewers, frames, stream: new ProgramStream({ broadcast, ingest }) };
}

/** The code of the error that the push throws. */
function codeOf(push: () => void): string {
  try {
    push();
  } catch (error) {
    if (error instanceof PushError) return error.code;
    throw error;
  }
  return "taken in";
}

describe("a pushed frame", () => {
  test("reaches the stream with its data, as a copy of its bytes", async () => {
    const { stream, frames } = await start();
    const data = new Uint8Array(PIXELS.data);
    stream.push({ ...PIXELS, data }, { angle: 31.5 });
    data.fill(0);
    expect(frames).toMatchObject([
      { kind: "raw", format: "rgb", width: 2, height: 2, number: 1, telemetry: '{"angle":31.5}' },
    ]);
    expect([...(frames[0]?.data ?? [])]).toEqual(Array(12).fill(7));
  });

  test("can be the bytes of an image file, also a part of a larger buffer", async () => {
    const { stream, frames } = await start();
    stream.push(Buffer.from("xxJPEGxx").subarray(2, 6));
    expect(frames).toMatchObject([{ kind: "image", data: Buffer.from("JPEG") }]);
    expect(frames[0]?.data.buffer.byteLength).toBe(4);
  });

  test("can come with its number, its time and its rows from the bottom up", async () => {
    const { stream, frames, clock } = await start();
    await clock.advance(100);
    const rows = Uint8ClampedArray.from({ length: 12 }, (_, i) => (i < 6 ? 1 : 2));
    const captured = clock.now() - 20;
    stream.push({ ...PIXELS, data: rows, rows: "bottom-up" }, undefined, { number: 40, captured });
    expect(frames).toMatchObject([{ number: 40, timings: { captured, received: clock.now() } }]);
    expect([...(frames[0]?.data ?? [])]).toEqual([2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1]);
  });

  test.each<[string, Frame, unknown, object?]>([
    ["bad-header", { ...PIXELS, width: 1.5 }, undefined],
    ["bad-header", PIXELS, undefined, { number: -1 }],
    ["bad-header", "no bytes" as never, undefined],
    ["bad-header", { ...PIXELS, data: [1, 2, 3] as never }, undefined],
    ["bad-length", { ...PIXELS, height: 3 }, undefined],
    ["bad-length", new Uint8Array(0), undefined],
    ["bad-format", { ...PIXELS, format: "cmyk" as never }, undefined],
    ["too-large", { ...PIXELS, width: 20_000 }, undefined],
    ["too-large", { ...PIXELS, width: 200, height: 200 }, undefined],
    ["too-large", new Uint8Array(100_001), undefined],
    ["bad-telemetry", PIXELS, "31.5"],
    ["bad-telemetry", PIXELS, [1, 2]],
    ["bad-telemetry", PIXELS, { big: 1n }],
    ["bad-telemetry", PIXELS, { long: "x".repeat(16 * 1024) }],
  ])("is refused as %s: %o %o", async (code, frame, data, details) => {
    const { stream, frames, ingest } = await start();
    expect(codeOf(() => stream.push(frame, data as never, details))).toBe(code);
    stream.push(PIXELS);
    expect(frames).toHaveLength(1);
    expect(ingest.counters().taken).toBe(1);
  });
});

describe("a program's stream", () => {
  test("tells each change of its state, and goes on after its end", async () => {
    const { stream, clock } = await start();
    const states: string[] = [];
    stream.on("state", (state) => states.push(state.kind === "live" ? `live ${state.run}` : state.kind));
    stream.push(PIXELS);
    stream.push(PIXELS);
    await settle();
    stream.end();
    await settle();
    await clock.advance(1);
    stream.push(PIXELS);
    await settle();
    expect(states).toEqual(["live 1", "ended", "live 2"]);
  });

  test("may be silent for as long as it likes", async () => {
    const { stream, clock, ingest } = await start();
    stream.push(PIXELS);
    await clock.advance(120_000);
    expect(ingest.claim).toBe("now");
    expect(ingest.counters()).toEqual({ taken: 1 });
  });

  test("tells of viewers that join and leave, by WebRTC and by MJPEG", async () => {
    const { stream, broadcast, viewers } = await start();
    const told: string[] = [];
    stream.on("viewer-joined", ({ transport, state }) => told.push(`${transport} ${state}`));
    stream.on("viewer-left", ({ transport }) => told.push(`${transport} left`));
    const { leave } = await broadcast.watch("offer", "192.0.2.1", () => {});
    expect(told).toEqual([]);
    viewers[0]?.events.connected();
    const response = new FakeResponse();
    broadcast.streamMjpeg(response.asResponse, false, "192.0.2.1");
    expect(stream.viewers()).toHaveLength(2);
    leave();
    response.destroy();
    await settle();
    expect(told).toEqual(["webrtc watching", "mjpeg watching", "webrtc left", "mjpeg left"]);
  });

  test("is refused while another publishes, and goes on when that is gone", async () => {
    const { stream, ingest, frames } = await start();
    const feed = ingest.publish(new FakePublisher(), false);
    expect(codeOf(() => stream.push(PIXELS))).toBe("taken");
    feed.end();
    stream.push(PIXELS);
    expect(frames).toHaveLength(1);
    const taker = ingest.publish(new FakePublisher(), true);
    expect(codeOf(() => stream.push(PIXELS))).toBe("taken");
    taker.end();
    stream.push(PIXELS);
    expect(frames).toHaveLength(2);
  });

  test("says that it is closed", async () => {
    const { stream, ingest } = await start();
    stream.push(PIXELS);
    await ingest.close();
    expect(codeOf(() => stream.push(PIXELS))).toBe("closed");
  });

  test("with another source than publishers takes no frame", async () => {
    const { broadcast } = await start();
    const stream = new ProgramStream({ broadcast, ingest: undefined });
    expect(codeOf(() => stream.push(PIXELS))).toBe("taken");
  });
});
