/** How alike two pictures are. */

/** Pixels; windows begin every half of it, as x264's own measure has them. */
const WINDOW = 8;
const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

/** A plane of 8 bits, and the bytes from one of its rows to the next. */
export interface Plane {
  readonly data: Uint8Array;
  readonly stride: number;
}

/** The mean structural similarity of two planes over all windows; 1 if they are the same. */
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

/** Decibels: 20 are an SSIM of 0.99, 30 of 0.999. */
export const decibels = (value: number) => -10 * Math.log10(1 - value);
