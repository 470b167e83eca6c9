/** A rate limit for each key, such as an address: token buckets in bounded memory. */
import type { Clock, EpochMs, Millis } from "../base/clock.ts";

/** The rate of a token bucket. */
export interface Rate {
  /** The size of the bucket: how many at once, after a pause. */
  readonly burst: number;
  /** How fast the bucket refills. */
  readonly perSecond: number;
}

/** How many keys are kept, and what happens beyond. */
export interface Bounds {
  /** At least this many keys are kept, and at most twice as many. */
  readonly maxKeys: number;
  /** `forget` drops the least recently used keys; `refuse` treats a new key as spent until another bucket is full. */
  readonly whenFull: "forget" | "refuse";
}

/** A client that rotates over more addresses than this escapes the limit. */
const DEFAULT_BOUNDS: Bounds = { maxKeys: 20_000, whenFull: "forget" };

/** The least time between two searches for full buckets: a search costs more than the limited request. */
const MIN_SWEEP_INTERVAL: Millis = 60_000;

interface Bucket {
  readonly left: number;
  readonly at: EpochMs;
}

/** Token buckets by key. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #rate: Rate;
  readonly #bounds: Bounds;
  /** The most recently used. */
  #buckets = new Map<string, Bucket>();
  /** Those used before: two maps, since a Map that keeps losing its first key gets ever slower to find the next. */
  #older = new Map<string, Bucket>();
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, rate: Rate, bounds: Bounds = DEFAULT_BOUNDS) {
    this.#clock = clock;
    this.#rate = rate;
    this.#bounds = bounds;
  }

  /** Counts one use of the key, such as one of {@link addressKey}; returns whether that exceeds the limit. */
  exceeds(key: string): boolean {
    const isSpent = this.isSpent(key);
    this.#put(key, this.#left(key) - (isSpent ? 0 : 1));
    return isSpent;
  }

  /** Whether one more use would exceed the limit. */
  isSpent(key: string): boolean {
    return this.#left(key) < 1 || !this.#hasPlace(key);
  }

  /** Takes back one counted use. */
  releaseMemory(key: string): void {
    if (this.#find(key)) this.#put(key, this.#left(key) + 1);
  }

  /** Seconds until one more use is allowed, rounded up. */
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
    if (this.#clock.now() - this.#sweptAt < MIN_SWEEP_INTERVAL) return false;
    this.#sweptAt = this.#clock.now();
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
