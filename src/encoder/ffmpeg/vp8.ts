/** VP8 in software, by libvpx. */
import { FF_ENCODER_LIBVPX_VP8 } from "node-av/constants";
import { FfmpegEncoder, type Recipe } from "./ffmpeg.ts";

const RECIPE: Recipe = {
  codec: "vp8",
  encoder: FF_ENCODER_LIBVPX_VP8,
  pixels: "i420",
  evenSides: false,
  adjustable: false,
  // RFC 6386, section 9.2, defines no other.
  matrix: () => "bt601",
  // On two cores, libvpx is slower with more threads (decision 0010).
  threads: () => 1,
  /** Output each frame at once; decision 0011 has the measured speeds. */
  options: () => ({ deadline: "realtime", "cpu-used": "-5", "lag-in-frames": "0", "auto-alt-ref": "0" }),
};

/** libvpx for VP8. */
export class FfmpegVp8Encoder extends FfmpegEncoder {
  constructor() {
    super(RECIPE);
  }
}
