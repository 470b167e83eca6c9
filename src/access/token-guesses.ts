/**
 * Limits how many fixed tokens strangers may try. Each address has a few guesses; all addresses together have hardly
 * more, since one IPv6 network has more addresses than could be counted. Neither limit
 * refuses the right token.
 */

import type { Clock } from "../base/clock.ts";
import { addressKey, networkKey } from "../network/ip.ts";
import { type Bounds, type Rate, RateLimit } from "./rate-limit.ts";

/** Guesses of one address: enough for typing errors, too few to find a secret of eight letters. */
const ADDRESS_RATE: Rate = { burst: 20, perSecond: 1 / 3 };

/** Guesses of all addresses together. Beyond them, {@link NETWORK_RATE} applies. */
const TOTAL_RATE: Rate = { burst: 300, perSecond: 1 / 3 };

/** Guesses of one network after all addresses used up {@link TOTAL_RATE}: three, then four a day. */
const NETWORK_RATE: Rate = { burst: 3, perSecond: 1 / (6 * 3600) };

/** Bounds the guesses of a day. New networks are refused, so that an attacker's networks are never forgotten. */
const NETWORK_BOUNDS: Bounds = { maxKeys: 4096, whenFull: "refuse" };

/** Addresses that sent the right token, and are exempt from the limits on others. The oldest are dropped first. */
const MAX_KNOWN_ADDRESSES = 4096;

const ALL = "all";

/** One attempt. It counts as wrong unless one of these is called. */
export interface Guess {
  /** Takes the attempt back: the token was signed, so it was no guess. */
  releaseMemory(): void;
  /** The token was right. The address is exempt from the limits on others from now on. */
  right(): void;
}

/** Counts the attempts of each address and of all. */
export class Guesses {
  readonly #addresses: RateLimit;
  readonly #everybody: RateLimit;
  readonly #networks: RateLimit;
  readonly #known = new Set<string>();

  constructor(clock: Clock) {
    this.#addresses = new RateLimit(clock, ADDRESS_RATE);
    this.#everybody = new RateLimit(clock, TOTAL_RATE);
    this.#networks = new RateLimit(clock, NETWORK_RATE, NETWORK_BOUNDS);
  }

  /**
   * Counts an attempt before the token is checked, so that parallel requests gain no extra attempts.
   * @returns undefined if the token must not be compared with a fixed secret.
   */
  take(address: string | undefined): Guess | undefined {
    const key = addressKey(address);
    const counted = [{ limit: this.#addresses, key }];
    if (!this.#everybody.isSpent(ALL)) counted.push({ limit: this.#everybody, key: ALL });
    else if (!this.#known.has(key)) counted.push({ limit: this.#networks, key: networkKey(key) });
    if (counted.some((one) => one.limit.isSpent(one.key))) return undefined;
    for (const one of counted) one.limit.exceeds(one.key);
    const releaseMemory = () => {
      for (const one of counted) one.limit.releaseMemory(one.key);
    };
    return {
      releaseMemory,
      right: () => {
        releaseMemory();
        this.#remember(key);
      },
    };
  }

  #remember(key: string): void {
    this.#known.delete(key);
    this.#known.add(key);
    const [oldest] = this.#known;
    if (oldest !== undefined && this.#known.size > MAX_KNOWN_ADDRESSES) this.#known.delete(oldest);
  }
}
