/** The history of one number. */
import type { Extent } from "./figure.ts";

/** Length of the history. */
export const HISTORY_MS = 20_000;
/** Enough for 100 frames per second. */
const MAX_POINTS = 2000;
/** A gap that is longer than this, and so many times longer than the interval before, breaks the line. */
const MIN_BREAK_MS = 1500;
const BREAK_RATIO = 4;
/** Differences of larger values overflow. */
const MAX_VALUE = 5e307;

/** The values of the last {@link HISTORY_MS}, and the one before them, so that the line begins at the edge. */
export class Series {
  readonly #times: number[] = [];
  readonly #values: (number | null)[] = [];
  #last = 0;
  #interval = 0;

  /** Adds a value. Times are increasing milliseconds; a second value at the same time replaces the first. */
  add(at: number, value: number): void {
    this.#last = value;
    const before = this.#times.at(-1);
    const interval = before === undefined ? 0 : at - before;
    if (before !== undefined && interval > MIN_BREAK_MS && interval > BREAK_RATIO * this.#interval)
      this.gap(before + 1);
    this.#interval = interval;
    this.#put(at, Math.max(-MAX_VALUE, Math.min(value, MAX_VALUE)));
  }

  /** Breaks the line: there is no value at this time. */
  gap(at: number): void {
    if (this.#values.at(-1) !== null) this.#put(at, null);
  }

  /** The newest value; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** Times and values to plot, null for a break. The arrays change with the series. */
  get points(): [times: number[], values: (number | null)[]] {
    return [this.#times, this.#values];
  }

  /** The range of the values; undefined if there are none. */
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
    const isOld = (time: number | undefined) => time !== undefined && time <= at - HISTORY_MS;
    while (times.length > MAX_POINTS || isOld(times[1])) {
      times.shift();
      this.#values.shift();
    }
  }
}
