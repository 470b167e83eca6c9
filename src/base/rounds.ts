/** Periodic work for many viewers in few timers: a timer per viewer would cost more than the work itself. */
import type { Cancel, Clock } from "./clock.ts";

/** Timer ticks per second. Of 1000 viewers, 100 have their turn in each. */
const ROUNDS_PER_SECOND = 10;

/** Calls functions once a second, spread evenly over the ticks of one timer. */
export class Rounds {
  readonly #clock: Clock;
  readonly #rounds = Array.from({ length: ROUNDS_PER_SECOND }, () => new Set<() => void>());
  #next = 0;
  #stop: Cancel | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Calls `act` once a second, for the first time within a second.
   * @returns a function that stops the calls.
   */
  everySecond(act: () => void): Cancel {
    const round = this.#rounds.reduce((least, other) => (other.size < least.size ? other : least));
    round.add(act);
    this.#stop ??= this.#clock.every(1000 / ROUNDS_PER_SECOND, () => this.#turn());
    return () => {
      round.delete(act);
      if (this.#rounds.some(({ size }) => size > 0)) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  #turn(): void {
    const round = this.#rounds[this.#next];
    this.#next = (this.#next + 1) % ROUNDS_PER_SECOND;
    for (const act of round ?? []) act();
  }
}
