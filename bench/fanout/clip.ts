/** An encoded stream for the fan-out bench: some seconds of the built-in scene as VP8. */
import { writeFileSync } from "node:fs";
import { type EpochMs, systemClock } from "../../src/base/clock.ts";
import { defaultBitrate } from "../../src/encoder/bitrate.ts";
import { FfmpegVp8Encoder } from "../../src/encoder/ffmpeg/vp8.ts";
import type { EncodedFrame, RawFrame, SourceFrame } from "../../src/media/frame.ts";
import { patternSource } from "../../src/source/pattern/pattern.ts";

/** An encoded clip. */
export interface Clip {
  readonly fps: number;
  readonly width: number;
  readonly height: number;
  /** The frames in base64; only the first is a keyframe. */
  readonly frames: readonly string[];
}

/** Writes a clip of `count` frames to `path`. Takes as long as the clip lasts. */
export async function writeClip(path: string, about: Omit<Clip, "frames">, count: number): Promise<Clip> {
  const { width, height, fps } = about;
  const source = patternSource({ width, height, fps, clock: systemClock });
  const raw: RawFrame[] = [];
  await new Promise<void>((resolve, reject) => {
    const sink = {
      state() {},
      problem() {},
      frame(frame: SourceFrame) {
        if (frame.kind === "raw") raw.push(frame);
        if (raw.length === count) resolve();
      },
    };
    source.start(sink).then(() => source.demand(true), reject);
  });
  await source.close();

  const encoder = new FfmpegVp8Encoder();
  await encoder.open({ width, height, fps, bitrate: defaultBitrate(width, height, fps) });
  const frames: string[] = [];
  for (const [n, frame] of raw.entries()) {
    const captured = (1000 + (n * 1000) / fps) as EpochMs;
    const { data } = await encoder.encode({ ...frame, timings: { captured, received: captured } }, false);
    frames.push(data.toString("base64"));
  }
  encoder.close();
  const clip = { ...about, frames };
  writeFileSync(path, JSON.stringify(clip));
  return clip;
}

/** Returns frame `n` of the looped clip, as the encoder emits it. */
export function frameOf({ fps, width, height, frames }: Clip, n: number, now: EpochMs): EncodedFrame {
  const at = n % frames.length;
  return {
    codec: "vp8",
    level: 0,
    fullBitrate: 1_000_000,
    type: at === 0 ? "key" : "delta",
    width,
    height,
    number: n + 1,
    rtpTimestamp: Math.round((n * 90_000) / fps) % 2 ** 32,
    data: Buffer.from(frames[at] ?? "", "base64"),
    timings: { captured: now, received: now },
  };
}
