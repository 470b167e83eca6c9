/** H.264, constrained baseline, by x264: what every browser decodes, most of them in hardware. */
import { availableParallelism } from "node:os";
import { FF_ENCODER_LIBX264 } from "node-av/constants";
import type { CodecContext } from "node-av/lib";
import { MAX_PAYLOAD } from "../../media/frame.ts";
import type { EncoderSettings } from "../encoder.ts";
import { describeColours, matrixOf } from "./colours.ts";
import { FfmpegEncoder, type Recipe } from "./ffmpeg.ts";
import { LONGEST } from "./frame-pace.ts";
import { levelOf } from "./h264-level.ts";

/** What one thread keeps up with: beside a renderer that has all cores, more of them make it no faster. */
const PIXELS_A_THREAD = 1920 * 1080;

/** What all encoders of H.264 are told alike. */
export const H264 = {
  codec: "h264",
  evenSides: true,
  matrix: matrixOf,
  limit(context: CodecContext, bitrate: number, asked: number) {
    // Without these x264 does not follow a changed bitrate.
    context.rcMaxRate = BigInt(asked);
    context.rcBufferSize = Math.round((bitrate * LONGEST) / 1000);
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
  // Each makes a slice of its own.
  threads: ({ width, height }) =>
    Math.min(availableParallelism(), Math.ceil((width * height) / PIXELS_A_THREAD)),
  options: () => ({
    preset: "superfast",
    // No frame held back.
    tune: "zerolatency",
    // x264's baseline is the constrained one.
    profile: "baseline",
    "forced-idr": "1",
    // Finer steps nobody sees, and keyframes of a still picture would be huge.
    qmin: "10",
    // Else it makes keyframes where it sees a new scene.
    "x264-params": "scenecut=0",
  }),
};

/** As much as a packet holds, start code included. */
const SINGLE: Recipe = {
  ...X264,
  codec: "h264-single",
  options: (settings) => ({
    ...X264.options(settings),
    "x264-params": `${X264.options(settings)["x264-params"]}:slice-max-size=${MAX_PAYLOAD}`,
  }),
};

export class FfmpegH264Encoder extends FfmpegEncoder {
  constructor(codec: "h264" | "h264-single" = "h264") {
    super(codec === "h264" ? X264 : SINGLE);
  }
}
