/** What the panel shows, without how: which names have a plot, which a row of the list, and what is left over. */
import type { Telemetry } from "../../src/signaling/protocol.ts";
import { figure } from "./figure.ts";
import { flatten } from "./flatten.ts";
import { Places } from "./places.ts";
import { Series, WINDOW } from "./series.ts";

export const MAX_PLOTS = 12;
export const MAX_ROWS = 24;
/** A value that frames have not told for so long is not of now. */
const STALE_AFTER = 2000;

/** One name, with what is known of it. */
interface Entry {
  readonly key: string;
  /** The last frames had none: it is an old value. */
  readonly stale: boolean;
}

export interface PlotEntry extends Entry {
  readonly series: Series;
}

export interface RowEntry extends Entry {
  readonly text: string;
}

/** Numbers have plots while there is room, and then rows like everything else. */
export class Board {
  readonly #plots = new Places(MAX_PLOTS, WINDOW, () => new Series());
  readonly #rows = new Places(MAX_ROWS, WINDOW, () => ({ text: "" }));
  #now = 0;
  #more = 0;

  /** Takes the data of a frame that was shown at `now`. */
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

  get plots(): PlotEntry[] {
    return [...this.#plots].map(({ key, value, seenAt }) => ({
      key,
      series: value,
      stale: this.#isStale(seenAt),
    }));
  }

  get rows(): RowEntry[] {
    return [...this.#rows].map(({ key, value, seenAt }) => ({
      key,
      text: value.text,
      stale: this.#isStale(seenAt),
    }));
  }

  /** How many values of the newest frame found no place. */
  get more(): number {
    return this.#more;
  }

  #isStale(seenAt: number): boolean {
    return this.#now - seenAt > STALE_AFTER;
  }
}
