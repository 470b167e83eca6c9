/** What is done for each viewer once a second, some of them at a time: waking up for each by itself costs more than it. */
import type { Cancel, Clock } from "./clock.ts";

/** Rounds a second: of a thousand viewers a hundred have their turn at once. */
const ROUNDS = 10;

export class Rounds {
  readonly #clock: Clock;
  readonly #rounds = Array.from({ length: ROUNDS }, () => new Set<() => void>());
  #next = 0;
  #stop: Cancel | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Calls `act` once a second, the first time within one.
   * @returns stops it.
   */
  everySecond(act: () => void): Cancel {
    const round = this.#rounds.reduce((least, other) => (other.size < least.size ? other : least));
    round.add(act);
    this.#stop ??= this.#clock.every(1000 / ROUNDS, () => this.#turn());
    return () => {
      round.delete(act);
      if (this.#rounds.some(({ size }) => size > 0)) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  #turn(): void {
    const round = this.#rounds[this.#next];
    this.#next = (this.#next + 1) % ROUNDS;
    for (const act of round ?? []) act();
  }
}
