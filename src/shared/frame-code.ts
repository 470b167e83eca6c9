/**
 * The frame code: the number of a frame as black and white cells in the picture itself. It makes latency measurable from
 * what a screen shows, for any transport. The built-in scene draws it, and the latency bench reads it.
 *
 * It is one row of {@link FRAME_CODE_CELLS} square cells in the bottom left corner; white is 1. The cells are a white and
 * a black one for calibration, 24 bits of the frame number (most significant first), and a 6-bit checksum.
 */

const NUMBER_BITS = 24;
const CHECK_BITS = 6;
const CHECK_POLYNOMIAL = 0b1101111;

/** The number of cells: calibration pair, frame number, checksum. */
export const FRAME_CODE_CELLS = 2 + NUMBER_BITS + CHECK_BITS;

/** The side of a cell in pixels. The row takes up to 4/5 of the width of the picture, which is in pixels too. */
export function frameCodeCellSize(width: number): number {
  return Math.max(2, Math.floor((width * 0.8) / FRAME_CODE_CELLS));
}

/** The cells for a frame number (modulo 2^24) from left to right; `true` is white. */
export function frameCodeCells(frameNumber: number): boolean[] {
  const number = frameNumber % 2 ** NUMBER_BITS;
  const cells = [true, false];
  for (let bit = NUMBER_BITS - 1; bit >= 0; bit--) cells.push(((number >> bit) & 1) === 1);
  const check = checkOf(number);
  for (let bit = CHECK_BITS - 1; bit >= 0; bit--) cells.push(((check >> bit) & 1) === 1);
  return cells;
}

/**
 * Reads a frame number from the brightness (0 to 255) at the centre of each cell. Undefined if there is no code or the
 * picture is torn: the calibration pair lacks contrast, or the checksum is wrong.
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
 * The CRC of the number with the polynomial (x + 1)(x^5 + x^2 + 1). Over 30 cells it detects up to three wrong cells, and
 * any number of wrong cells within 6 adjacent ones.
 */
function checkOf(number: number): number {
  let rest = number << CHECK_BITS;
  for (let bit = NUMBER_BITS - 1; bit >= 0; bit--) {
    if ((rest >> (bit + CHECK_BITS)) & 1) rest ^= CHECK_POLYNOMIAL << bit;
  }
  // Inverted, so that a row of one colour is not a valid code.
  return rest ^ 0b111111;
}
