/** How much one viewer's NACKs may ask for: they are small, and what they ask for is not. */
import type { Clock, EpochMs, Millis } from "../timing.ts";

/** The least time between two repairs of the same packet, where the round trip is shorter or not yet known. */
const COOLDOWN: Millis = 20;

/** A packet that was sent again this long ago is kept no more, to be asked for. */
const FORGET: Millis = 2000;

/** Packets sent again to one viewer within a second, at most. */
const MAX_REPAIRS = 500;

/** Bounds what one viewer is sent again: each packet once a round trip, as what is on its way cannot be missed yet. */
export class RepairBudget {
  readonly #clock: Clock;
  readonly #repaired = new Map<number, EpochMs>();
  #windowStart: number = Number.NEGATIVE_INFINITY;
  #inWindow = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether to send this packet again now. */
  allows(index: number, roundTrip: Millis): boolean {
    const now = this.#clock.now();
    if (now - this.#windowStart >= 1000) {
      this.#windowStart = now;
      this.#inWindow = 0;
      for (const [old, at] of this.#repaired) if (now - at >= FORGET) this.#repaired.delete(old);
    }
    const before = this.#repaired.get(index);
    if (this.#inWindow >= MAX_REPAIRS) return false;
    if (before !== undefined && now - before < Math.max(COOLDOWN, roundTrip)) return false;
    this.#repaired.set(index, now);
    this.#inWindow++;
    return true;
  }
}
