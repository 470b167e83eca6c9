/** How often somebody may do something: a token bucket for each key, in bounded memory. */
import type { Clock, EpochMs, Millis } from "../base/clock.ts";

export interface Rate {
  /** How many at once, after a rest. */
  readonly burst: number;
  /** How many in the long run. */
  readonly perSecond: number;
}

/** What happens where there is no place for another key. */
export interface Bounds {
  /** So many are remembered at least, and twice as many at most. */
  readonly maxKeys: number;
  /** `forget` drops the keys heard of longest ago, `refuse` takes a new one for spent until another has rested. */
  readonly whenFull: "forget" | "refuse";
}

/** Whoever rotates over more addresses than this is not slowed by a limit that forgets. */
const FORGETFUL: Bounds = { maxKeys: 20_000, whenFull: "forget" };

/** How often keys that have rested are looked for: each time would cost more than what is limited. */
const REST_EVERY: Millis = 60_000;

interface Bucket {
  readonly left: number;
  readonly at: EpochMs;
}

export class RateLimit {
  readonly #clock: Clock;
  readonly #rate: Rate;
  readonly #bounds: Bounds;
  /** Those heard of last. */
  #buckets = new Map<string, Bucket>();
  /** Those heard of before them: a Map that loses its first key again and again finds the next one ever slower. */
  #older = new Map<string, Bucket>();
  #restedAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, rate: Rate, bounds: Bounds = FORGETFUL) {
    this.#clock = clock;
    this.#rate = rate;
    this.#bounds = bounds;
  }

  /** Counts one for the key, such as {@link addressKey} makes; returns whether that is too many. */
  exceeds(key: string): boolean {
    const isSpent = this.isSpent(key);
    this.#put(key, this.#left(key) - (isSpent ? 0 : 1));
    return isSpent;
  }

  /** Whether one more would be too many. */
  isSpent(key: string): boolean {
    return this.#left(key) < 1 || !this.#hasPlace(key);
  }

  /** Takes one back that was counted. */
  giveBack(key: string): void {
    if (this.#find(key)) this.#put(key, this.#left(key) + 1);
  }

  /** Whole seconds after which one more is let on. */
  get patience(): number {
    return Math.ceil(1 / this.#rate.perSecond);
  }

  #find(key: string): Bucket | undefined {
    return this.#buckets.get(key) ?? this.#older.get(key);
  }

  #left(key: string): number {
    const known = this.#find(key);
    return known ? this.#refilled(known) : this.#rate.burst;
  }

  #refilled({ left, at }: Bucket): number {
    const { burst, perSecond } = this.#rate;
    return Math.min(burst, left + ((this.#clock.now() - at) / 1000) * perSecond);
  }

  #hasPlace(key: string): boolean {
    const { maxKeys, whenFull } = this.#bounds;
    if (whenFull === "forget" || this.#buckets.size < maxKeys || this.#buckets.has(key)) return true;
    if (this.#clock.now() - this.#restedAt < REST_EVERY) return false;
    this.#restedAt = this.#clock.now();
    for (const [other, bucket] of this.#buckets)
      if (this.#refilled(bucket) >= this.#rate.burst) this.#buckets.delete(other);
    return this.#buckets.size < maxKeys;
  }

  #put(key: string, left: number): void {
    if (!this.#hasPlace(key)) return;
    const { maxKeys, whenFull } = this.#bounds;
    this.#buckets.set(key, { left: Math.min(this.#rate.burst, left), at: this.#clock.now() });
    if (whenFull === "refuse" || this.#buckets.size < maxKeys) return;
    this.#older = this.#buckets;
    this.#buckets = new Map();
  }
}
