/** The lanes of the encoder bench: encoders and their options. */
import { FF_ENCODER_LIBVPX_VP8, FF_ENCODER_LIBX264 } from "node-av/constants";

/** An encoder with options. */
export interface Lane {
  readonly codec: "vp8" | "h264";
  readonly encoder: typeof FF_ENCODER_LIBVPX_VP8 | typeof FF_ENCODER_LIBX264;
  readonly threads: number;
  /** FFmpeg options by name, for a target in bits per second. */
  readonly options: (bitrate: number) => Readonly<Record<string, string>>;
}

/** The lane that ratios refer to: the encoder that ships. */
export const REFERENCE = "vp8 cpu -5";

/** `cpu-used`: libvpx adapts a positive speed to the time each frame takes, and keeps a negative one fixed. */
const SPEEDS = [4, 6, 8, 12, 16, -4, -5, -6, -7, -8, -10, -12, -16];
/** Speeds to try with two threads too. */
const THREADED = [4, 6, 8, 12, 16, -5, -8];
const PRESETS = ["ultrafast", "superfast", "veryfast"];
/** Minimum quantizers for x264, of 0 to 51; the other lanes use 10. */
const MIN_QUANTIZERS = [0, 14, 18, 22];

const VP8 = { deadline: "realtime", "lag-in-frames": "0", "auto-alt-ref": "0" };

function vp8(
  speed: number,
  threads = 1,
  more: (bitrate: number) => Record<string, string> = () => ({}),
): Lane {
  const options = (bitrate: number) => ({ ...VP8, "cpu-used": String(speed), ...more(bitrate) });
  return { codec: "vp8", encoder: FF_ENCODER_LIBVPX_VP8, threads, options };
}

function h264(preset: string, threads: number, more: Record<string, string> = {}): Lane {
  return {
    codec: "h264",
    encoder: FF_ENCODER_LIBX264,
    threads,
    options: (bitrate) => ({
      preset,
      tune: "zerolatency",
      // x264's baseline is the constrained baseline.
      profile: "baseline",
      "x264-params": "scenecut=0",
      qmin: "10",
      maxrate: String(bitrate),
      bufsize: String(bitrate / 2),
      ...more,
    }),
  };
}

/** Constant bitrate with a buffer of one second, half full at first. */
const constant = (bitrate: number) => ({
  minrate: String(bitrate),
  maxrate: String(bitrate),
  bufsize: String(bitrate),
  rc_init_occupancy: String(bitrate / 2),
});

/** Other options, each combined with the shipped speed. */
const OTHER_OPTIONS: Readonly<Record<string, (bitrate: number) => Record<string, string>>> = {
  "error-resilient": () => ({ "error-resilient": "default" }),
  "static-thresh 1": () => ({ "static-thresh": "1" }),
  "static-thresh 100": () => ({ "static-thresh": "100" }),
  "static-thresh 1000": () => ({ "static-thresh": "1000" }),
  "noise-sensitivity 1": () => ({ "noise-sensitivity": "1" }),
  // The minimum quantizer, of 0 to 63; the default is 4.
  "qmin 2": () => ({ qmin: "2" }),
  "qmin 0": () => ({ qmin: "0" }),
  "constant rate": constant,
};

/** All lanes by name. */
export const LANES: Readonly<Record<string, Lane>> = {
  ...Object.fromEntries(SPEEDS.map((speed) => [`vp8 cpu ${speed}`, vp8(speed)])),
  ...Object.fromEntries(THREADED.map((speed) => [`vp8 cpu ${speed}, 2 threads`, vp8(speed, 2)])),
  ...Object.fromEntries(
    Object.entries(OTHER_OPTIONS).map(([name, more]) => [`vp8 cpu -5, ${name}`, vp8(-5, 1, more)]),
  ),
  ...Object.fromEntries(PRESETS.map((preset) => [`h264 ${preset}`, h264(preset, 1)])),
  ...Object.fromEntries(
    MIN_QUANTIZERS.map((qmin) => [
      `h264 superfast, qmin ${qmin}`,
      h264("superfast", 1, { qmin: String(qmin) }),
    ]),
  ),
  ...Object.fromEntries(PRESETS.map((preset) => [`h264 ${preset}, 2 threads`, h264(preset, 2)])),
};
