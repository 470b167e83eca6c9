/**
 * Bounds the fixed tokens that strangers may try. An address has a few; all addresses together have hardly more than one
 * alone, since whoever has one IPv6 network has more addresses than could be counted. Neither may keep the right token out.
 */

import type { Clock } from "../base/clock.ts";
import { addressKey, networkKey } from "../network/ip.ts";
import { type Bounds, type Rate, RateLimit } from "./rate-limit.ts";

/** Enough for a user's mistakes, too few to find a secret of eight letters. */
const OF_AN_ADDRESS: Rate = { burst: 20, perSecond: 1 / 3 };

/** Of all addresses, until each network has only its own few. */
const OF_EVERYBODY: Rate = { burst: 300, perSecond: 1 / 3 };

/** Of a network while the others have used up what there is for all: four a day, after the first three. */
const OF_A_NETWORK: Rate = { burst: 3, perSecond: 1 / (6 * 3600) };

/** Their number bounds the guesses of a day, so that the networks of an attacker are never forgotten. */
const NETWORKS: Bounds = { maxKeys: 4096, whenFull: "refuse" };

/** Addresses that gave the right token and may go on, whatever others guess; the longest unheard of is forgotten. */
const MAX_KNOWN = 4096;

const ALL = "all";

/** A token that is tried. It counts as wrong, unless one of these is called. */
export interface Guess {
  /** It was no guess, such as a signed token. */
  giveBack(): void;
  /** It was the right one: whoever is at that address knows it. */
  right(): void;
}

export class Guesses {
  readonly #addresses: RateLimit;
  readonly #everybody: RateLimit;
  readonly #networks: RateLimit;
  readonly #known = new Set<string>();

  constructor(clock: Clock) {
    this.#addresses = new RateLimit(clock, OF_AN_ADDRESS);
    this.#everybody = new RateLimit(clock, OF_EVERYBODY);
    this.#networks = new RateLimit(clock, OF_A_NETWORK, NETWORKS);
  }

  /**
   * Counts one more token from the address before it is looked at, so that many at once are no more than one by one.
   * @returns undefined where the token must not be compared with a secret.
   */
  take(address: string | undefined): Guess | undefined {
    const key = addressKey(address);
    const counted = [{ limit: this.#addresses, key }];
    if (!this.#everybody.isSpent(ALL)) counted.push({ limit: this.#everybody, key: ALL });
    else if (!this.#known.has(key)) counted.push({ limit: this.#networks, key: networkKey(key) });
    if (counted.some((one) => one.limit.isSpent(one.key))) return undefined;
    for (const one of counted) one.limit.exceeds(one.key);
    const giveBack = () => {
      for (const one of counted) one.limit.giveBack(one.key);
    };
    return {
      giveBack,
      right: () => {
        giveBack();
        this.#remember(key);
      },
    };
  }

  #remember(key: string): void {
    this.#known.delete(key);
    this.#known.add(key);
    const [oldest] = this.#known;
    if (oldest !== undefined && this.#known.size > MAX_KNOWN) this.#known.delete(oldest);
  }
}
