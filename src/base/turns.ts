/** Works in short turns, so that one publisher's flood of parts, or one frame's many viewers, hold up nobody else. */
import { setImmediate } from "node:timers";
import type { Clock, EpochMs, Millis } from "./clock.ts";

/** How long one is worked for, until all else that waits has had its turn. */
const TURN: Millis = 2;

export class Turns {
  readonly #clock: Clock;
  #began: EpochMs | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Takes the steps one after the other.
   * @returns undefined where they have fitted into this turn, else resolves when the next may be taken.
   */
  take(steps: Iterator<unknown>): Promise<void> | undefined {
    return this.#takeSome(steps) ? undefined : this.#takeRest(steps);
  }

  async #takeRest(steps: Iterator<unknown>): Promise<void> {
    do await new Promise<void>((resolve) => setImmediate(resolve));
    while (!this.#takeSome(steps));
  }

  /** False once the turn is over: at least one step is taken in each. */
  #takeSome(steps: Iterator<unknown>): boolean {
    if (this.#began === undefined) {
      this.#began = this.#clock.now();
      setImmediate(() => {
        this.#began = undefined;
      });
    }
    const end = this.#began + TURN;
    while (!steps.next().done) if (this.#clock.now() >= end) return false;
    return this.#clock.now() < end;
  }
}
