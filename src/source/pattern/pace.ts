/** When to draw: frame `n` at `start + n / fps`, without drift; what is missed is left out. */
import type { EpochMs, Millis } from "../../base/clock.ts";

/** The deadlines of a run of frames. Slot 0 is due at `start`. */
export class Pace {
  readonly #start: EpochMs;
  readonly #period: Millis;
  #slot = 0;

  constructor(start: EpochMs, fps: number) {
    this.#start = start;
    this.#period = 1000 / fps;
  }

  /** Moves on to the first slot that is still to come at `now`. Returns how many were missed between. */
  advance(now: EpochMs): number {
    const current = Math.floor((now - this.#start) / this.#period);
    const missed = Math.max(0, current - this.#slot);
    this.#slot += missed + 1;
    return missed;
  }

  /** How long it is from `now` until the slot is due; 0 if it is. */
  wait(now: EpochMs): Millis {
    return Math.max(0, this.#start + this.#slot * this.#period - now);
  }
}
