/** AV1, main profile. It is offered only with hardware; SVT-AV1 encodes in software if the hardware fails later. */
import { FF_ENCODER_LIBSVTAV1 } from "node-av/constants";
import { describeColours, matrixOf } from "./colours.ts";
import { FfmpegEncoder, type Recipe } from "./ffmpeg.ts";
import { H264 } from "./h264.ts";

/** The part of a {@link Recipe} that all AV1 encoders share. They choose the level themselves. */
export const AV1 = {
  codec: "av1",
  evenSides: true,
  smallestSide: 64,
  matrix: matrixOf,
  limit: H264.limit,
  describe: describeColours,
} as const satisfies Partial<Recipe>;

const SVT: Recipe = {
  ...AV1,
  encoder: FF_ENCODER_LIBSVTAV1,
  pixels: "i420",
  adjustable: false,
  threads: () => 1,
  // The fastest preset for all sizes; low-delay prediction, constant bitrate.
  options: () => ({ preset: "10", "svtav1-params": "pred-struct=1:rc=2" }),
};

// SVT-AV1 ignores FFmpeg's log level, and would write to stderr.
process.env.SVT_LOG ??= "0";

/** SVT-AV1. */
export class FfmpegAv1Encoder extends FfmpegEncoder {
  constructor() {
    super(SVT);
  }
}
