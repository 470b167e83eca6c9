/** How often somebody may do something: a token bucket for each address, of which only so many are kept. */
import type { Clock, EpochMs } from "../timing.ts";

export interface Rate {
  /** How many at once, after a rest. */
  readonly burst: number;
  /** How many in the long run. */
  readonly perSecond: number;
}

/** Addresses that are kept: those that were not heard of longest make place, and may then do it as often as at first. */
const MAX_KEYS = 20_000;

export class RateLimit {
  readonly #clock: Clock;
  readonly #rate: Rate;
  /** Those heard of last are last. */
  readonly #buckets = new Map<string, { left: number; at: EpochMs }>();

  constructor(clock: Clock, rate: Rate) {
    this.#clock = clock;
    this.#rate = rate;
  }

  /** Counts one for the key, which {@link addressKey} makes; returns whether that is too many. */
  exceeds(key: string): boolean {
    if (this.isSpent(key)) return true;
    this.#bucket(key).left--;
    return false;
  }

  /** Whether one more would be too many. */
  isSpent(key: string): boolean {
    return this.#bucket(key).left < 1;
  }

  /** Whole seconds after which one more is let on. */
  get patience(): number {
    return Math.ceil(1 / this.#rate.perSecond);
  }

  #bucket(key: string): { left: number; at: EpochMs } {
    const now = this.#clock.now();
    const { burst, perSecond } = this.#rate;
    const known = this.#buckets.get(key);
    this.#buckets.delete(key);
    const left = known ? Math.min(burst, known.left + ((now - known.at) / 1000) * perSecond) : burst;
    const bucket = { left, at: now };
    this.#buckets.set(key, bucket);
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined && this.#buckets.size > MAX_KEYS) this.#buckets.delete(oldest);
    return bucket;
  }
}
