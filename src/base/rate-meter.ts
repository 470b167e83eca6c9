/** Measures how often an event happens, over a sliding window. */
import type { Clock, Millis } from "./clock.ts";

/** Events in memory. If more fit into the window, the rate covers a shorter time. */
const MAX_EVENTS = 512;

/** Counts events, and knows their rate. */
export class RateMeter {
  readonly #clock: Clock;
  readonly #window: Millis;
  /** A ring buffer of event times. The newest is in front of `#next`. */
  readonly #times = new Float64Array(MAX_EVENTS);
  #next = 0;
  #length = 0;

  /** @param window over which the rate is measured. */
  constructor(clock: Clock, window: Millis = 3000) {
    this.#clock = clock;
    this.#window = window;
  }

  /** Counts an event now. */
  count(): void {
    this.#times[this.#next] = this.#clock.now();
    this.#next = (this.#next + 1) % MAX_EVENTS;
    this.#length = Math.min(this.#length + 1, MAX_EVENTS);
  }

  /** Events per second; 0 with fewer than two in the window. */
  get rate(): number {
    const oldest = this.#clock.now() - this.#window;
    while (this.#length > 0 && this.#timeOf(this.#length) < oldest) this.#length--;
    if (this.#length < 2) return 0;
    const span = this.#timeOf(1) - this.#timeOf(this.#length);
    return span > 0 ? ((this.#length - 1) * 1000) / span : 0;
  }

  /** The time of an event, counted back from the newest, which is 1. */
  #timeOf(back: number): number {
    return this.#times[(this.#next - back + MAX_EVENTS) % MAX_EVENTS] ?? 0;
  }
}
