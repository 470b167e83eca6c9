/**
 * The frame code: a frame's number as black and white cells in the picture itself, so that any
 * transport can be timed optically, from what a screen shows. The built-in scene draws it; the
 * latency bench reads it. Layout in `docs/protocol.md`.
 *
 * One row of {@link FRAME_CODE_CELLS} square cells in the bottom left corner, white for 1: a white and
 * a black cell to calibrate on, 24 bits of the frame number (most significant first), and 6 bits of check.
 */

const NUMBER_BITS = 24;
const CHECK_BITS = 6;
const CHECK_POLYNOMIAL = 0b1101111;

/** Calibration pair, number, check. */
export const FRAME_CODE_CELLS = 2 + NUMBER_BITS + CHECK_BITS;

/** The side of one cell in pixels, for a picture `width` pixels wide: the row takes 4/5 of it at 480. */
export function frameCodeCellSize(width: number): number {
  return Math.max(2, Math.floor((width * 0.8) / FRAME_CODE_CELLS));
}

/** The cells of a frame number (taken modulo 2^24), left to right; `true` is white. */
export function frameCodeCells(frameNumber: number): boolean[] {
  const number = frameNumber % 2 ** NUMBER_BITS;
  const cells = [true, false];
  for (let bit = NUMBER_BITS - 1; bit >= 0; bit--) cells.push(((number >> bit) & 1) === 1);
  const check = checkOf(number);
  for (let bit = CHECK_BITS - 1; bit >= 0; bit--) cells.push(((check >> bit) & 1) === 1);
  return cells;
}

/**
 * Reads the frame number from the brightness (0 to 255) at the centre of each cell.
 * Undefined where the calibration pair has no contrast or the check fails: no code, or a torn picture.
 */
export function readFrameCode(brightness: ArrayLike<number>): number | undefined {
  const white = brightness[0] ?? 0;
  const black = brightness[1] ?? 0;
  if (brightness.length < FRAME_CODE_CELLS || white - black < 64) return undefined;
  const threshold = (white + black) / 2;
  const bits = (from: number, count: number) => {
    let value = 0;
    for (let i = from; i < from + count; i++) value = value * 2 + ((brightness[i] ?? 0) > threshold ? 1 : 0);
    return value;
  };
  const number = bits(2, NUMBER_BITS);
  return bits(2 + NUMBER_BITS, CHECK_BITS) === checkOf(number) ? number : undefined;
}

/**
 * The number's CRC, of the polynomial (x + 1)(x^5 + x^2 + 1): over 30 cells it sees every fault in up to
 * three of them, and in any number of them within 6 side by side.
 */
function checkOf(number: number): number {
  let rest = number << CHECK_BITS;
  for (let bit = NUMBER_BITS - 1; bit >= 0; bit--) {
    if ((rest >> (bit + CHECK_BITS)) & 1) rest ^= CHECK_POLYNOMIAL << bit;
  }
  // Inverted, so that a row of one colour is no code.
  return rest ^ 0b111111;
}
