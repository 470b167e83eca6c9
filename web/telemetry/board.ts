/** The content of the telemetry panel: which values have a plot, which a row, and how many are left over. */
import type { Telemetry } from "../../src/shared/protocol.ts";
import { figure } from "./figure.ts";
import { flatten } from "./flatten.ts";
import { Places } from "./places.ts";
import { HISTORY_MS, Series } from "./series.ts";

/** More numbers than this become rows. */
export const MAX_PLOTS = 12;
/** More values than this are only counted. */
export const MAX_ROWS = 24;
/** A value that has been missing for longer is shown as stale. */
const STALE_AGE_MS = 2000;

/** A value by its name. */
interface Entry {
  readonly key: string;
  /** The latest frames did not contain the value. */
  readonly stale: boolean;
}

/** A number with its history. */
export interface PlotEntry extends Entry {
  readonly series: Series;
}

/** A value as text. */
export interface RowEntry extends Entry {
  readonly text: string;
}

/** Numbers get plots while there is room; other values, and further numbers, get rows. */
export class Board {
  readonly #plots = new Places(MAX_PLOTS, HISTORY_MS, () => new Series());
  readonly #rows = new Places(MAX_ROWS, HISTORY_MS, () => ({ text: "" }));
  #now = 0;
  #more = 0;

  /** Takes the telemetry of a frame that was shown at `now`, in milliseconds. */
  take(now: number, data: Telemetry): void {
    const { numbers, texts } = flatten(data);
    this.#now = now;
    this.#plots.expire(now);
    this.#rows.expire(now);
    const listed = new Map(texts);
    for (const [key, value] of numbers) {
      const series = this.#plots.take(key, now);
      series?.add(now, value);
      if (series) this.#rows.leave(key);
      else listed.set(key, figure(value));
    }
    for (const { key, value } of this.#plots) if (!numbers.has(key)) value.gap(now);
    this.#more = 0;
    for (const [key, text] of listed) {
      const row = this.#rows.take(key, now);
      if (row) row.text = text;
      else this.#more++;
    }
  }

  /** When the newest frame was shown. */
  get now(): number {
    return this.#now;
  }

  /** In the order in which they appeared. */
  get plots(): PlotEntry[] {
    return [...this.#plots].map(({ key, value, seenAt }) => ({
      key,
      series: value,
      stale: this.#isStale(seenAt),
    }));
  }

  /** In the order in which they appeared. */
  get rows(): RowEntry[] {
    return [...this.#rows].map(({ key, value, seenAt }) => ({
      key,
      text: value.text,
      stale: this.#isStale(seenAt),
    }));
  }

  /** Values of the newest frame for which there was no room. */
  get more(): number {
    return this.#more;
  }

  #isStale(seenAt: number): boolean {
    return this.#now - seenAt > STALE_AGE_MS;
  }
}
