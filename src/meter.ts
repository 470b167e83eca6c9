/** How often something happens, over a sliding window. */
import type { Clock, EpochMs, Millis } from "./timing.ts";

export class RateMeter {
  readonly #clock: Clock;
  readonly #window: Millis;
  #times: EpochMs[] = [];

  constructor(clock: Clock, window: Millis = 3000) {
    this.#clock = clock;
    this.#window = window;
  }

  count(): void {
    this.#times.push(this.#clock.now());
    this.#forgetOld();
  }

  /** Times a second; 0 until it happened twice within the window. */
  get rate(): number {
    this.#forgetOld();
    const first = this.#times[0];
    const last = this.#times.at(-1);
    if (first === undefined || last === undefined || last === first) return 0;
    return ((this.#times.length - 1) * 1000) / (last - first);
  }

  #forgetOld(): void {
    const oldest = this.#clock.now() - this.#window;
    const keep = this.#times.findIndex((time) => time >= oldest);
    this.#times = keep === -1 ? [] : this.#times.slice(keep);
  }
}
