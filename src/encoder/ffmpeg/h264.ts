/** H.264 in software, by x264: constrained baseline, which every browser decodes, mostly in hardware. */
import { availableParallelism } from "node:os";
import { FF_ENCODER_LIBX264 } from "node-av/constants";
import type { CodecContext } from "node-av/lib";
import { MAX_PAYLOAD } from "../../media/frame.ts";
import type { EncoderSettings } from "../encoder.ts";
import { describeColours, matrixOf } from "./colours.ts";
import { FfmpegEncoder, type Recipe } from "./ffmpeg.ts";
import { MAX_INTERVAL } from "./frame-pace.ts";
import { levelOf } from "./h264-level.ts";

/** One thread per this many pixels. If a renderer uses all cores, more threads are not faster. */
const PIXELS_PER_THREAD = 1920 * 1080;

/** The part of a {@link Recipe} that all H.264 encoders share. */
export const H264 = {
  codec: "h264",
  evenSides: true,
  matrix: matrixOf,
  limit(context: CodecContext, bitrate: number, requested: number) {
    // x264 follows a changed bitrate only with these limits.
    context.rcMaxRate = BigInt(requested);
    context.rcBufferSize = Math.round((bitrate * MAX_INTERVAL) / 1000);
  },
  describe(context: CodecContext, settings: EncoderSettings) {
    const { width, height, fps, bitrate } = settings;
    context.level = levelOf(width, height, fps, bitrate);
    describeColours(context, settings);
  },
} as const satisfies Partial<Recipe>;

const X264: Recipe = {
  ...H264,
  encoder: FF_ENCODER_LIBX264,
  pixels: "i420",
  adjustable: true,
  // Each thread encodes a slice of its own.
  threads: ({ width, height }) =>
    Math.min(availableParallelism(), Math.ceil((width * height) / PIXELS_PER_THREAD)),
  options: () => ({
    preset: "superfast",
    // Output each frame at once.
    tune: "zerolatency",
    // x264's baseline is constrained baseline.
    profile: "baseline",
    "forced-idr": "1",
    // A finer quantizer is invisible, and makes keyframes of a still picture huge.
    qmin: "10",
    // No keyframes at scene changes.
    "x264-params": "scenecut=0",
  }),
};

/** For viewers without packetization mode 1: each slice, with its start code, fits one packet. */
const X264_SINGLE: Recipe = {
  ...X264,
  codec: "h264-single",
  options: (settings) => ({
    ...X264.options(settings),
    "x264-params": `${X264.options(settings)["x264-params"]}:slice-max-size=${MAX_PAYLOAD}`,
  }),
};

/** x264. The codec `h264-single` limits slices to one packet each (RFC 6184, section 6.2). */
export class FfmpegH264Encoder extends FfmpegEncoder {
  constructor(codec: "h264" | "h264-single" = "h264") {
    super(codec === "h264" ? X264 : X264_SINGLE);
  }
}
