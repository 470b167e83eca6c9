/** Formats numbers of unknown unit and range. */

/** The range of a series: all its numbers are written with the same number of digits. */
export interface Extent {
  readonly min: number;
  readonly max: number;
  /** Whether all numbers are integers. */
  readonly whole: boolean;
}

/** About four digits, or more if the numbers of `extent` are close together: `31.52`, `1042`, `6.022e23`. */
export function figure(value: number, extent: Extent = extentOf(value)): string {
  const largest = Math.max(Math.abs(extent.min), Math.abs(extent.max));
  if (largest >= 1e7 || (largest < 1e-4 && largest > 0)) {
    return withMinus(value.toExponential(3).replace("e+", "e"));
  }
  if (extent.whole) return withMinus(value.toFixed(0));
  const digits = Math.max(3 - exponent(largest), 1 - exponent(extent.max - extent.min));
  return withMinus(value.toFixed(Math.max(0, Math.min(digits, 6))));
}

function extentOf(value: number): Extent {
  return { min: value, max: value, whole: Number.isInteger(value) };
}

/** The power of ten of the leading digit. */
function exponent(value: number): number {
  return value > 0 ? Math.floor(Math.log10(value)) : 3;
}

/** The minus sign is as wide as a digit, unlike the hyphen. Removes it from a negative zero. */
function withMinus(text: string): string {
  return /[1-9]/.test(text) ? text.replaceAll("-", "−") : text.replace("-", "");
}
