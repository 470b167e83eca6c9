/** Long work in turns, so that the event loop is never held for more than a few milliseconds. */
import type { Clock, EpochMs, Millis } from "./timing.ts";

/** The longest turn. */
const TURN: Millis = 2;

export class Turns {
  readonly #clock: Clock;
  #began: EpochMs;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#began = clock.now();
  }

  /** Whether this turn has lasted long enough. */
  get over(): boolean {
    return this.#clock.now() - this.#began > TURN;
  }

  /** Lets all others have theirs. */
  async next(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#began = this.#clock.now();
  }
}
