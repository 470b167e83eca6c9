/** Splits long work into short turns, so that a flood of parts or a frame with many viewers does not block the event loop. */
import { setImmediate } from "node:timers";
import type { Clock, EpochMs, Millis } from "./clock.ts";

/** The longest time in a turn before other events run. */
const TURN_LENGTH: Millis = 2;

/** Runs work in turns. All work of one instance shares its turns. */
export class Turns {
  readonly #clock: Clock;
  #began: EpochMs | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Runs the steps in order.
   * @returns undefined if all ran within this turn; otherwise a promise that resolves when all have run and a turn has time left.
   */
  take(steps: Iterator<unknown>): Promise<void> | undefined {
    return this.#takeSome(steps) ? undefined : this.#takeRest(steps);
  }

  async #takeRest(steps: Iterator<unknown>): Promise<void> {
    do await new Promise<void>((resolve) => setImmediate(resolve));
    while (!this.#takeSome(steps));
  }

  /** Runs at least one step. False if the turn is over. */
  #takeSome(steps: Iterator<unknown>): boolean {
    if (this.#began === undefined) {
      this.#began = this.#clock.now();
      setImmediate(() => {
        this.#began = undefined;
      });
    }
    const end = this.#began + TURN_LENGTH;
    while (!steps.next().done) if (this.#clock.now() >= end) return false;
    return this.#clock.now() < end;
  }
}
