/** Limits the keyframes that one viewer may request: each goes to every viewer of its rendition. */
import type { Cancel, Clock, Millis } from "../base/clock.ts";

/** Keyframes without a wait, as a viewer on a bad network needs them. */
const BURST = 3;

/** Interval of keyframes beyond the burst: the viewer has a picture, and the others lose hardly any bitrate. */
export const KEYFRAME_INTERVAL: Millis = 2000;

/** One viewer's requests. A request over budget is delayed, not dropped: not every viewer repeats it. */
export class KeyframeBudget {
  readonly #clock: Clock;
  readonly #grant: () => void;
  /** When the granted keyframes are paid for, at one per {@link KEYFRAME_INTERVAL}. */
  #paidAt: number = Number.NEGATIVE_INFINITY;
  #stopWaiting: Cancel | undefined;

  /** @param grant makes a keyframe. */
  constructor(clock: Clock, grant: () => void) {
    this.#clock = clock;
    this.#grant = grant;
  }

  /** Requests a keyframe, now or as soon as the budget allows. */
  request(): void {
    if (this.#stopWaiting) return;
    const wait = this.#paidAt - (BURST - 1) * KEYFRAME_INTERVAL - this.#clock.now();
    if (wait <= 0) this.#give();
    else this.#stopWaiting = this.#clock.after(wait, () => this.#give());
  }

  /** Cancels a delayed request. */
  close(): void {
    this.#stopWaiting?.();
  }

  #give(): void {
    this.#stopWaiting = undefined;
    this.#paidAt = Math.max(this.#paidAt, this.#clock.now()) + KEYFRAME_INTERVAL;
    this.#grant();
  }
}
