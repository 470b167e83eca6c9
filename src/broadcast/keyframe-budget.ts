/** How many keyframes one viewer may ask for: each goes to all that share its rendition. */
import type { Cancel, Clock, Millis } from "../base/clock.ts";

/** At once, as a viewer on a bad network needs them. */
const AT_ONCE = 3;

/** One that asks for more gets one in this time: it has a picture, and everybody else has hardly less of theirs. */
export const ONE_EVERY: Millis = 2000;

/** One viewer's requests. One that must wait is kept, as not every viewer asks twice. */
export class KeyframeBudget {
  readonly #clock: Clock;
  readonly #grant: () => void;
  /** When all that it was granted is paid for, at one in {@link ONE_EVERY}. */
  #paidAt: number = Number.NEGATIVE_INFINITY;
  #stopWaiting: Cancel | undefined;

  /** @param grant makes a keyframe. */
  constructor(clock: Clock, grant: () => void) {
    this.#clock = clock;
    this.#grant = grant;
  }

  request(): void {
    if (this.#stopWaiting) return;
    const wait = this.#paidAt - (AT_ONCE - 1) * ONE_EVERY - this.#clock.now();
    if (wait <= 0) this.#give();
    else this.#stopWaiting = this.#clock.after(wait, () => this.#give());
  }

  /** It is gone. */
  close(): void {
    this.#stopWaiting?.();
  }

  #give(): void {
    this.#stopWaiting = undefined;
    this.#paidAt = Math.max(this.#paidAt, this.#clock.now()) + ONE_EVERY;
    this.#grant();
  }
}
