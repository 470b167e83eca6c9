import { afterEach, describe, expect, test } from "vitest";
import { decibels, ssim } from "../../../bench/encode/ssim.ts";
import { defaultBitrate } from "../../../src/encoder/bitrate.ts";
import type { VideoEncoder } from "../../../src/encoder/encoder.ts";
import { FfmpegH264Encoder } from "../../../src/encoder/ffmpeg/h264.ts";
import { FfmpegVp8Encoder } from "../../../src/encoder/ffmpeg/vp8.ts";
import { REFINEMENT_DURATION, Rendition } from "../../../src/encoder/rendition.ts";
import type { EncodedFrame, RawFrame } from "../../../src/media/frame.ts";
import { rungOf } from "../../../src/shared/ladder.ts";
import { decoded } from "../../helpers/decoded.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";

const [WIDTH, HEIGHT, FPS] = [320, 176, 20];
const INTERVAL = 1000 / FPS;
/** Levels of luma. */
const GRAIN = 24;
const BITRATE = defaultBitrate(WIDTH, HEIGHT, FPS);
const ENCODERS = { VP8: FfmpegVp8Encoder, "H.264": FfmpegH264Encoder };

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** Tiles of every brightness, with sharp edges and gradients, moved by some columns, with new grain in each frame. */
function picture(number: number, by: number): RawFrame {
  const data = Buffer.alloc((WIDTH * HEIGHT * 3) / 2, 128);
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const [tile, slope] = [((x + by) >> 4) * 37 + (y >> 4) * 61, ((x + by) & 15) + (y & 15)];
      data[y * WIDTH + x] = 40 + (tile % 130) + slope + (scrambled(x >> 2, y >> 2, number) % GRAIN);
    }
  }
  const timings = { captured: 0 as never, received: 0 as never };
  return { kind: "raw", format: "i420", width: WIDTH, height: HEIGHT, data, number, timings };
}

function scrambled(...numbers: readonly number[]): number {
  let mixed = 1;
  for (const number of numbers) mixed = Math.imul(mixed ^ number ^ (mixed >>> 15), 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

/** A rendition with a real encoder, on a clock that waits for it. */
function start(name: keyof typeof ENCODERS, level: number) {
  const clock = new FakeClock();
  const out: (EncodedFrame & { readonly at: number })[] = [];
  let working: Promise<unknown> = Promise.resolve();
  const encoder = (): VideoEncoder => {
    const is = new ENCODERS[name]();
    const waitedFor = <T>(doing: Promise<T>) => {
      working = doing;
      return doing;
    };
    return {
      codec: is.codec,
      open: (settings) => waitedFor(is.open(settings)),
      encode: (frame, key) => waitedFor(is.encode(frame, key)),
      close: () => is.close(),
    };
  };
  const rendition = new Rendition({
    clock,
    encoder,
    fps: () => FPS,
    bitrate: undefined,
    level,
    timestampOffset: 0,
    emit: async (frame) => void out.push({ ...frame, at: clock.now() }),
    log: (line) => {
      throw new Error(line);
    },
  });
  stops.push(() => rendition.stop());
  const idle = async () => {
    for (let last: unknown; last !== working; ) {
      last = working;
      await working;
      await settle();
    }
  };
  /** What is encoded in this time, while a frame, or none, is pushed at each interval. */
  const pass = async (time: number, frame?: (n: number) => readonly [RawFrame, boolean]) => {
    const [from, before] = [clock.now(), out.length];
    for (let n = 0; clock.now() < from + time; n++) {
      const [raw, isStill] = frame?.(n) ?? [];
      if (raw) {
        rendition.push({ ...raw, timings: { captured: clock.now(), received: clock.now() } }, isStill);
        await idle();
      }
      for (let step = 0; step < INTERVAL; step += 25) {
        await clock.advance(25);
        await idle();
      }
    }
    const came = out.slice(before);
    return { frames: came.length, bytes: came.reduce((sum, { data }) => sum + data.length, 0) };
  };
  const likeness = async (source: RawFrame) => {
    const yuv = await decoded(new ENCODERS[name]().codec, out);
    const shown = { data: yuv.data?.[0] ?? Buffer.alloc(0), stride: yuv.linesize[0] ?? 0 };
    const value = decibels(ssim({ data: source.data, stride: WIDTH }, shown, WIDTH, HEIGHT));
    yuv.free();
    return value;
  };
  return { rendition, out, pass, likeness };
}

describe.each(["VP8", "H.264"] as const)("a rendition of %s", (name) => {
  test.each([
    ["no more frames", 0, false],
    ["no more frames, on the lowest rung", 2, false],
    ["the same frame repeated, on the lowest rung", 2, true],
  ])(
    "becomes clean within two seconds after the scene stops (%s), and then needs almost no bandwidth",
    async (_, level, isPushed) => {
      const { pass, likeness } = start(name, level);
      await pass(2000, (n) => [picture(n, 7 * n), false]);
      const last = picture(2 * FPS - 1, 7 * (2 * FPS - 1));
      const pushed = isPushed ? () => [last, true] as const : undefined;
      const moving = await likeness(last);
      await pass(REFINEMENT_DURATION, pushed);
      const clean = await likeness(last);
      // An SSIM of 0.99.
      expect(clean).toBeGreaterThan(20);
      expect(clean).toBeGreaterThanOrEqual(moving - 0.5);
      await pass(2000, pushed);
      const { bytes, frames } = await pass(4000, pushed);
      expect(frames).toBeLessThanOrEqual(8);
      expect((bytes * 8) / 4).toBeLessThan(0.05 * BITRATE * rungOf(level).share);
    },
  );

  test.each([0, 1])("keeps its bitrate with a keyframe each second, on rung %i", async (level) => {
    const { rendition, pass, out } = start(name, level);
    const target = BITRATE * rungOf(level).share;
    await pass(2000, (n) => [picture(n, 7 * n), false]);
    const seconds: number[] = [];
    for (let second = 0; second < 8; second++) {
      rendition.requestKeyframe();
      const { bytes } = await pass(1000, (n) => [picture(n, 7 * n + 140 * second), false]);
      seconds.push(bytes * 8);
    }
    expect(out.filter(({ type }) => type === "key")).toHaveLength(9);
    for (let n = 1; n < seconds.length; n++) {
      const ofTwo = ((seconds[n - 1] ?? 0) + (seconds[n] ?? 0)) / 2;
      expect(ofTwo).toBeGreaterThan(0.75 * target);
      expect(ofTwo).toBeLessThan(1.25 * target);
    }
  });
});
