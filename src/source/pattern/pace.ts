/** Schedules drawing: frame `n` is due at `start + n / fps`, without drift. Missed frames are skipped. */
import type { EpochMs, Millis } from "../../base/clock.ts";

/** The deadlines of a run of frames. Slot 0 is due at its start. */
export class Pace {
  readonly #start: EpochMs;
  readonly #period: Millis;
  #slot = 0;

  constructor(start: EpochMs, fps: number) {
    this.#start = start;
    this.#period = 1000 / fps;
  }

  /** Advances to the first slot after `now`. Returns the number of missed slots. */
  advance(now: EpochMs): number {
    const current = Math.floor((now - this.#start) / this.#period);
    const missed = Math.max(0, current - this.#slot);
    this.#slot += missed + 1;
    return missed;
  }

  /** Time from `now` until the slot is due; 0 if it is due already. */
  wait(now: EpochMs): Millis {
    return Math.max(0, this.#start + this.#slot * this.#period - now);
  }
}
