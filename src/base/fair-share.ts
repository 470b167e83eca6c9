/** Shares out expensive work: a limited number per second, in turn. */
import type { Clock, EpochMs } from "./clock.ts";

/** Chooses who is served now, at most `perSecond` per second. What is not used in one second is lost. */
export class FairShare<T> {
  readonly #clock: Clock;
  readonly #perSecond: number;
  #left: number;
  #at: EpochMs;
  #turn = 0;

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#left = perSecond;
    this.#at = clock.now();
  }

  /** The items whose turn it is now; all of them if the limit allows. */
  next(all: readonly T[]): T[] {
    const now = this.#clock.now();
    this.#left = Math.min(this.#perSecond, this.#left + ((now - this.#at) / 1000) * this.#perSecond);
    this.#at = now;
    const count = Math.min(all.length, Math.floor(this.#left));
    this.#left -= count;
    const chosen = Array.from({ length: count }, (_, n) => all[(this.#turn + n) % all.length] as T);
    this.#turn = all.length === 0 ? 0 : (this.#turn + count) % all.length;
    return chosen;
  }
}
