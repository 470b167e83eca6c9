/** How often something happens, over a sliding window. */
import type { Clock, Millis } from "./clock.ts";

/** The most that is remembered: what comes faster is measured over a shorter time. */
const MEMORY = 512;

export class RateMeter {
  readonly #clock: Clock;
  readonly #window: Millis;
  /** The newest times, in a ring: the one before `#next` is the last. */
  readonly #times = new Float64Array(MEMORY);
  #next = 0;
  #length = 0;

  constructor(clock: Clock, window: Millis = 3000) {
    this.#clock = clock;
    this.#window = window;
  }

  count(): void {
    this.#times[this.#next] = this.#clock.now();
    this.#next = (this.#next + 1) % MEMORY;
    this.#length = Math.min(this.#length + 1, MEMORY);
  }

  /** Times a second; 0 until it happened twice within the window. */
  get rate(): number {
    const oldest = this.#clock.now() - this.#window;
    while (this.#length > 0 && this.#ago(this.#length) < oldest) this.#length--;
    if (this.#length < 2) return 0;
    const took = this.#ago(1) - this.#ago(this.#length);
    return took > 0 ? ((this.#length - 1) * 1000) / took : 0;
  }

  /** When it happened, the last time being 1. */
  #ago(times: number): number {
    return this.#times[(this.#next - times + MEMORY) % MEMORY] ?? 0;
  }
}
