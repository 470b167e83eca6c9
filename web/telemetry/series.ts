/** The history of one number. */
import type { Extent } from "./figure.ts";

/** How far back it goes, in milliseconds. */
export const WINDOW = 20_000;
/** Enough for 100 frames a second. */
const MAX_POINTS = 2000;
/** A longer time without a value, and much longer than the one before, breaks the line: nothing is known of it. */
const BREAK: number = 1500;
const MUCH_LONGER = 4;
/** Beyond it, differences overflow. */
const MAX_VALUE = 5e307;

/** The values of the last {@link WINDOW} milliseconds, and the one before them: the line begins at the edge. */
export class Series {
  readonly #times: number[] = [];
  readonly #values: (number | null)[] = [];
  #last = 0;
  #interval = 0;

  /** Times are milliseconds that only grow; of two values at the same time the later one counts. */
  add(at: number, value: number): void {
    this.#last = value;
    const before = this.#times.at(-1);
    const interval = before === undefined ? 0 : at - before;
    if (before !== undefined && interval > BREAK && interval > MUCH_LONGER * this.#interval)
      this.gap(before + 1);
    this.#interval = interval;
    this.#put(at, Math.max(-MAX_VALUE, Math.min(value, MAX_VALUE)));
  }

  /** There is no value at this time: the line breaks. */
  gap(at: number): void {
    if (this.#values.at(-1) !== null) this.#put(at, null);
  }

  /** The newest value; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** Times and values, for plotting; null where the line breaks. They change with the series. */
  get points(): [times: number[], values: (number | null)[]] {
    return [this.#times, this.#values];
  }

  /** Between which numbers the values lie; undefined where there are none. */
  get extent(): Extent | undefined {
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    let whole = true;
    for (const value of this.#values) {
      if (value === null) continue;
      min = Math.min(min, value);
      max = Math.max(max, value);
      whole &&= Number.isInteger(value);
    }
    return min <= max ? { min, max, whole } : undefined;
  }

  #put(at: number, value: number | null): void {
    const times = this.#times;
    if (at <= (times.at(-1) ?? Number.NEGATIVE_INFINITY)) {
      this.#values[times.length - 1] = value;
      return;
    }
    times.push(at);
    this.#values.push(value);
    const isOld = (time: number | undefined) => time !== undefined && time <= at - WINDOW;
    while (times.length > MAX_POINTS || isOld(times[1])) {
      times.shift();
      this.#values.shift();
    }
  }
}
