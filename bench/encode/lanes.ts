/** What is compared: encoders and their options. */
import { FF_ENCODER_LIBVPX_VP8, FF_ENCODER_LIBX264 } from "node-av/constants";

export interface Lane {
  readonly codec: "vp8" | "h264";
  readonly encoder: typeof FF_ENCODER_LIBVPX_VP8 | typeof FF_ENCODER_LIBX264;
  readonly threads: number;
  /** FFmpeg's names of the options, given the bits a second asked for. */
  readonly options: (bitrate: number) => Readonly<Record<string, string>>;
}

/** What all others are set against: what is in use. */
export const REFERENCE = "vp8 cpu -5";

/** A positive speed is the least: libvpx chooses anew at each frame by the time it takes. A negative one is fixed. */
const SPEEDS = [4, 6, 8, 12, 16, -4, -5, -6, -7, -8, -10, -12, -16];
/** The speeds to try with two threads as well. */
const THREADED = [4, 6, 8, 12, 16, -5, -8];
const PRESETS = ["ultrafast", "superfast", "veryfast"];
/** The finest steps to let x264 use, of 0 to 51; 10 unless said. */
const FINEST = [0, 14, 18, 22];

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
      // x264's baseline is the constrained one.
      profile: "baseline",
      "x264-params": "scenecut=0",
      qmin: "10",
      maxrate: String(bitrate),
      bufsize: String(bitrate / 2),
      ...more,
    }),
  };
}

/** Constant bitrate with a buffer of a second, half of it full at first. */
const constant = (bitrate: number) => ({
  minrate: String(bitrate),
  maxrate: String(bitrate),
  bufsize: String(bitrate),
  rc_init_occupancy: String(bitrate / 2),
});

/** Options beside the speed, each on top of what it most likely would be used with. */
const BESIDES: Readonly<Record<string, (bitrate: number) => Record<string, string>>> = {
  "error-resilient": () => ({ "error-resilient": "default" }),
  "static-thresh 1": () => ({ "static-thresh": "1" }),
  "static-thresh 100": () => ({ "static-thresh": "100" }),
  "static-thresh 1000": () => ({ "static-thresh": "1000" }),
  "noise-sensitivity 1": () => ({ "noise-sensitivity": "1" }),
  // 4 unless said: the finest step that may be used, of 0 to 63.
  "qmin 2": () => ({ qmin: "2" }),
  "qmin 0": () => ({ qmin: "0" }),
  "constant rate": constant,
};

export const LANES: Readonly<Record<string, Lane>> = {
  ...Object.fromEntries(SPEEDS.map((speed) => [`vp8 cpu ${speed}`, vp8(speed)])),
  ...Object.fromEntries(THREADED.map((speed) => [`vp8 cpu ${speed}, 2 threads`, vp8(speed, 2)])),
  ...Object.fromEntries(
    Object.entries(BESIDES).map(([name, more]) => [`vp8 cpu -5, ${name}`, vp8(-5, 1, more)]),
  ),
  ...Object.fromEntries(PRESETS.map((preset) => [`h264 ${preset}`, h264(preset, 1)])),
  ...Object.fromEntries(
    FINEST.map((qmin) => [`h264 superfast, qmin ${qmin}`, h264("superfast", 1, { qmin: String(qmin) })]),
  ),
  ...Object.fromEntries(PRESETS.map((preset) => [`h264 ${preset}, 2 threads`, h264(preset, 2)])),
};
