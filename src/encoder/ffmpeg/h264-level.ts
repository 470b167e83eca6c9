/** H.264's levels (ITU-T H.264, table A-1): what a decoder has to manage at most. */

interface Limit {
  /** As the stream has it: 31 for 3.1. */
  readonly level: number;
  /** Macroblocks a second, and in a frame. */
  readonly rate: number;
  readonly frame: number;
  /** Bits a second of the baseline profile. */
  readonly bitrate: number;
}

/** From 3.1 on, which is what viewers are told: less would only be a smaller promise. */
const LIMITS: readonly Limit[] = [
  { level: 31, rate: 108_000, frame: 3600, bitrate: 14e6 },
  { level: 32, rate: 216_000, frame: 5120, bitrate: 20e6 },
  { level: 40, rate: 245_760, frame: 8192, bitrate: 20e6 },
  { level: 41, rate: 245_760, frame: 8192, bitrate: 50e6 },
  { level: 42, rate: 522_240, frame: 8704, bitrate: 50e6 },
  { level: 50, rate: 589_824, frame: 22_080, bitrate: 135e6 },
  { level: 51, rate: 983_040, frame: 36_864, bitrate: 240e6 },
  { level: 52, rate: 2_073_600, frame: 36_864, bitrate: 240e6 },
  { level: 60, rate: 4_177_920, frame: 139_264, bitrate: 240e6 },
  { level: 61, rate: 8_355_840, frame: 139_264, bitrate: 480e6 },
];

const HIGHEST = 62;

/** Pixels a side. */
const MACROBLOCK = 16;

/** The lowest level that a stream fits in. */
export function levelOf(width: number, height: number, fps: number, bitrate: number): number {
  const [columns, rows] = [Math.ceil(width / MACROBLOCK), Math.ceil(height / MACROBLOCK)];
  const blocks = columns * rows;
  const fits = (limit: Limit) =>
    blocks <= limit.frame &&
    blocks * fps <= limit.rate &&
    // A side may have the root of 8 times the frame's (section A.3.1).
    Math.max(columns, rows) ** 2 <= 8 * limit.frame &&
    bitrate <= limit.bitrate;
  return LIMITS.find(fits)?.level ?? HIGHEST;
}
