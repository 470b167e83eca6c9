/** Figures of series of measurements. */

/** The value below which `share` (0 to 1) of the values lie; NaN if there are none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The median; NaN if there are no values. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** The arithmetic mean; NaN if there are no values. */
export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** The value rounded to so many decimals. */
export const round = (value: number, decimals: number): number => Number(value.toFixed(decimals));
