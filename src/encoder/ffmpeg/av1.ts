/** AV1, main profile. By hardware only: what encodes it in software, SVT-AV1, takes over from hardware that fails. */
import { FF_ENCODER_LIBSVTAV1 } from "node-av/constants";
import { describeColours, matrixOf } from "./colours.ts";
import { FfmpegEncoder, type Recipe } from "./ffmpeg.ts";
import { H264 } from "./h264.ts";

/** What all encoders of AV1 are told alike: their level they choose themselves. */
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
  // Its fastest for all sizes; each frame from those before it, and at a constant bitrate.
  options: () => ({ preset: "10", "svtav1-params": "pred-struct=1:rc=2" }),
};

// It writes to stderr else, whatever FFmpeg's own log is set to.
process.env.SVT_LOG ??= "0";

export class FfmpegAv1Encoder extends FfmpegEncoder {
  constructor() {
    super(SVT);
  }
}
