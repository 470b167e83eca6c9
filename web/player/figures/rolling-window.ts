/** Quantiles of recent values. */

/** The value below which the given share (0 to 1) of the values lies, interpolated; undefined if there are none. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)];
  const high = sorted[Math.ceil(at)];
  return low === undefined || high === undefined ? undefined : low + (high - low) * (at % 1);
}

/** The values of the last `period` milliseconds. */
export class RollingWindow {
  readonly #period: number;
  #entries: { readonly at: number; readonly value: number }[] = [];

  /** @param period in milliseconds. */
  constructor(period: number) {
    this.#period = period;
  }

  /** @param at in milliseconds, not before the last value. */
  add(at: number, value: number): void {
    this.#entries.push({ at, value });
    this.#forget(at);
  }

  /** As {@link quantile}, of the values in the window. */
  quantile(now: number, share: number): number | undefined {
    this.#forget(now);
    return quantile(
      this.#entries.map(({ value }) => value),
      share,
    );
  }

  median(now: number): number | undefined {
    return this.quantile(now, 0.5);
  }

  /** The newest value; undefined if it has left the window. */
  last(now: number): number | undefined {
    this.#forget(now);
    return this.#entries.at(-1)?.value;
  }

  clear(): void {
    this.#entries = [];
  }

  #forget(now: number): void {
    const first = this.#entries.findIndex((entry) => entry.at > now - this.#period);
    this.#entries = first < 0 ? [] : first > 0 ? this.#entries.slice(first) : this.#entries;
  }
}
