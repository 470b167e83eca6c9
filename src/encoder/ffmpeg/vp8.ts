/** VP8 by libvpx. */
import { FF_ENCODER_LIBVPX_VP8 } from "node-av/constants";
import { FfmpegEncoder, type Recipe } from "./ffmpeg.ts";

const RECIPE: Recipe = {
  codec: "vp8",
  encoder: FF_ENCODER_LIBVPX_VP8,
  pixels: "i420",
  evenSides: false,
  adjustable: false,
  // RFC 6386, section 9.2, has no other.
  matrix: () => "bt601",
  // More made libvpx slower on two cores.
  threads: () => 1,
  /** For live pictures: no frame held back; the speed by measurement (decision 0011). */
  options: () => ({ deadline: "realtime", "cpu-used": "-5", "lag-in-frames": "0", "auto-alt-ref": "0" }),
};

export class FfmpegVp8Encoder extends FfmpegEncoder {
  constructor() {
    super(RECIPE);
  }
}
