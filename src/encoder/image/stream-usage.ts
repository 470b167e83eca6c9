/** How much a stream used the shared slots lately, so that heavy streams yield to light ones. */
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";

/** Time constant of the exponential decay of past usage. */
export const USAGE_DECAY: Millis = 5000;

/**
 * Ends the use of a slot; further calls do nothing.
 * @param worked the CPU time, if known: waiting for the machine's cores is not the stream's usage.
 */
export type Release = (worked?: Millis) => void;

/** Measures how long one stream held slots lately. */
export class StreamUsage {
  readonly clock: Clock;
  /** The slots that the stream holds now. */
  readonly #held = new Set<{ readonly since: EpochMs }>();
  /** A new stream counts as a heavy one; a light stream drops below that within seconds. */
  #past: Millis = USAGE_DECAY;
  #pastAt: EpochMs;

  constructor(clock: Clock) {
    this.clock = clock;
    this.#pastAt = clock.now();
  }

  /** Decayed holding time of all slots, including those held now. */
  get recent(): Millis {
    const now = this.clock.now();
    return [...this.#held].reduce((sum, { since }) => sum + now - since, this.#decayed(now));
  }

  /** Starts to count one slot. The returned function stops that; further calls of it do nothing. */
  begin(): Release {
    const slot = { since: this.clock.now() };
    this.#held.add(slot);
    return (worked = Number.POSITIVE_INFINITY) => {
      if (!this.#held.delete(slot)) return;
      const now = this.clock.now();
      this.#past = this.#decayed(now) + Math.min(worked, now - slot.since);
      this.#pastAt = now;
    };
  }

  #decayed(now: EpochMs): Millis {
    return this.#past * Math.exp((this.#pastAt - now) / USAGE_DECAY);
  }
}
