/** The levels of H.264 (ITU-T H.264, table A-1), which state what a decoder must be able to decode. */

interface Limit {
  /** As in the bitstream: 31 means level 3.1. */
  readonly level: number;
  /** Macroblocks per second. */
  readonly rate: number;
  /** Macroblocks per frame. */
  readonly frame: number;
  /** Bits per second in the baseline profile. */
  readonly bitrate: number;
}

/** Starts with 3.1, which the SDP promises to viewers anyway. */
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

/** Width and height in pixels. */
const MACROBLOCK = 16;

/** The lowest level, as in the bitstream, for a size in pixels, frames per second, and bits per second. */
export function levelOf(width: number, height: number, fps: number, bitrate: number): number {
  const [columns, rows] = [Math.ceil(width / MACROBLOCK), Math.ceil(height / MACROBLOCK)];
  const blocks = columns * rows;
  const fits = (limit: Limit) =>
    blocks <= limit.frame &&
    blocks * fps <= limit.rate &&
    // Section A.3.1: a side has at most sqrt(8 * MaxFS) macroblocks.
    Math.max(columns, rows) ** 2 <= 8 * limit.frame &&
    bitrate <= limit.bitrate;
  return LIMITS.find(fits)?.level ?? HIGHEST;
}
