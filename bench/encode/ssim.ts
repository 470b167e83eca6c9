/** Structural similarity of two pictures (SSIM). */

/** Window size in pixels. Windows overlap by half, as in x264's SSIM. */
const WINDOW = 8;
const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

/** An 8-bit plane; `stride` is the bytes from one row to the next. */
export interface Plane {
  readonly data: Uint8Array;
  readonly stride: number;
}

/** Returns the mean SSIM of two planes over all windows; 1 if they are equal. */
export function ssim(a: Plane, b: Plane, width: number, height: number): number {
  let [sum, windows] = [0, 0];
  for (let y = 0; y + WINDOW <= height; y += WINDOW / 2) {
    for (let x = 0; x + WINDOW <= width; x += WINDOW / 2) {
      sum += ofWindow(a, y * a.stride + x, b, y * b.stride + x);
      windows++;
    }
  }
  return sum / windows;
}

function ofWindow(a: Plane, atA: number, b: Plane, atB: number): number {
  let [sumA, sumB, squares, products] = [0, 0, 0, 0];
  for (let row = 0; row < WINDOW; row++) {
    const [rowA, rowB] = [atA + row * a.stride, atB + row * b.stride];
    for (let i = 0; i < WINDOW; i++) {
      const p = a.data[rowA + i] as number;
      const q = b.data[rowB + i] as number;
      sumA += p;
      sumB += q;
      squares += p * p + q * q;
      products += p * q;
    }
  }
  const n = WINDOW * WINDOW;
  const [meanA, meanB] = [sumA / n, sumB / n];
  const means = meanA * meanA + meanB * meanB;
  const variances = squares / n - means;
  const covariance = products / n - meanA * meanB;
  return ((2 * meanA * meanB + C1) * (2 * covariance + C2)) / ((means + C1) * (variances + C2));
}

/** Converts an SSIM to decibels: 0.99 is 20 dB, 0.999 is 30 dB. */
export const decibels = (value: number): number => -10 * Math.log10(1 - value);
