/** How much one viewer's NACKs may ask for: they are small, and what they ask for is not. */
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";

/** The least time between two repairs of the same packet, where the round trip is shorter or not yet known. */
const COOLDOWN: Millis = 20;

/** A packet that was sent again this long ago is kept no more, to be asked for. */
const FORGET: Millis = 2000;

/**
 * Packets sent again to one viewer within a second, at most: of those sent in the second before half, as more would be
 * more of what a full network loses; and those of a large keyframe.
 */
const MAX_SHARE = 0.5;
const MIN_MOST = 60;

/** Bounds what one viewer is sent again: each packet once a round trip, as what is on its way cannot be missed yet. */
export class RepairBudget {
  readonly #clock: Clock;
  readonly #repaired = new Map<number, EpochMs>();
  #windowStart: number = Number.NEGATIVE_INFINITY;
  #countedFrom: EpochMs;
  #inWindow = 0;
  #most = MIN_MOST;
  #nextThen: number;

  /** @param next the index of the first packet. */
  constructor(clock: Clock, next = 0) {
    this.#clock = clock;
    this.#nextThen = next;
    this.#countedFrom = clock.now();
  }

  /**
   * Whether to send this packet again now.
   * @param next the index of the next packet.
   */
  allows(index: number, roundTrip: Millis, next: number): boolean {
    const now = this.#clock.now();
    if (now - this.#windowStart >= 1000) {
      this.#windowStart = now;
      this.#inWindow = 0;
      // Nothing may have been asked for in many seconds.
      const seconds = Math.max(1, (now - this.#countedFrom) / 1000);
      this.#most = Math.max(MIN_MOST, (MAX_SHARE * (next - this.#nextThen)) / seconds);
      this.#countedFrom = now;
      this.#nextThen = next;
      for (const [old, at] of this.#repaired) if (now - at >= FORGET) this.#repaired.delete(old);
    }
    const before = this.#repaired.get(index);
    if (this.#inWindow >= this.#most) return false;
    if (before !== undefined && now - before < Math.max(COOLDOWN, roundTrip)) return false;
    this.#repaired.set(index, now);
    this.#inWindow++;
    return true;
  }
}
