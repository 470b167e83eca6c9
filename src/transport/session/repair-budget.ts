/** Retransmission budget of one viewer: limits what its small NACK packets make us send. */
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";

/** Shortest time between two retransmissions of one packet, for a round trip that is shorter or unknown. */
const MIN_REPEAT_INTERVAL: Millis = 20;

/** How long a retransmission is remembered. */
const REPEAT_MEMORY: Millis = 2000;

/**
 * Retransmissions per second: at most half of the packets sent in the second before, because more would add to congestion,
 * and always enough for a large keyframe.
 */
const MAX_REPAIR_SHARE = 0.5;
const MIN_REPAIRS = 60;

/** Allows each packet once per round trip, because a viewer cannot yet miss a retransmission in flight. */
export class RepairBudget {
  readonly #clock: Clock;
  readonly #repairedAt = new Map<number, EpochMs>();
  #windowStart: number = Number.NEGATIVE_INFINITY;
  #countedSince: EpochMs;
  #repairsInWindow = 0;
  #maxRepairs = MIN_REPAIRS;
  #nextAtCount: number;

  /** @param next index of the viewer's first packet. */
  constructor(clock: Clock, next = 0) {
    this.#clock = clock;
    this.#nextAtCount = next;
    this.#countedSince = clock.now();
  }

  /**
   * Whether to retransmit a packet now. Counts it if so.
   * @param next index of the viewer's next packet.
   */
  allows(index: number, roundTrip: Millis, next: number): boolean {
    const now = this.#clock.now();
    if (now - this.#windowStart >= 1000) {
      this.#windowStart = now;
      this.#repairsInWindow = 0;
      // The last NACK may be many seconds ago.
      const seconds = Math.max(1, (now - this.#countedSince) / 1000);
      this.#maxRepairs = Math.max(MIN_REPAIRS, (MAX_REPAIR_SHARE * (next - this.#nextAtCount)) / seconds);
      this.#countedSince = now;
      this.#nextAtCount = next;
      for (const [old, at] of this.#repairedAt) if (now - at >= REPEAT_MEMORY) this.#repairedAt.delete(old);
    }
    const before = this.#repairedAt.get(index);
    if (this.#repairsInWindow >= this.#maxRepairs) return false;
    if (before !== undefined && now - before < Math.max(MIN_REPEAT_INTERVAL, roundTrip)) return false;
    this.#repairedAt.set(index, now);
    this.#repairsInWindow++;
    return true;
  }
}
