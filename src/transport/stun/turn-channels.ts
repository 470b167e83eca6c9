/** The channel numbers of one TURN allocation (RFC 8656, section 12): which peer each is bound to, and when it is free again. */
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import type { Address } from "../../network/address.ts";

/** Channel numbers. */
const FIRST_CHANNEL = 0x4000;
const LAST_CHANNEL = 0x4fff;

/** A closed channel expires after 10 minutes, and its number may serve another peer 5 minutes later. */
const REUSE_DELAY: Millis = 15 * 60_000;

/** An open channel. */
export interface Channel {
  readonly number: number;
  readonly peer: Address;
  /** Whether the server has confirmed it. */
  bound: boolean;
}

/** The channels of one allocation. */
export class TurnChannels {
  readonly #clock: Clock;
  readonly #open = new Map<string, Channel>();
  /** By the peer that each is still bound to, the one closed first at the start. */
  readonly #closed = new Map<string, { readonly number: number; readonly reusableAt: EpochMs }>();
  readonly #peers = new Map<number, Address>();
  #next = FIRST_CHANNEL;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The open channels. */
  get all(): Channel[] {
    return [...this.#open.values()];
  }

  /** The open channel to a peer. */
  to(peer: Address): Channel | undefined {
    return this.#open.get(keyOf(peer));
  }

  /** The peer that a number was last bound to. */
  peerOf(number: number): Address | undefined {
    return this.#peers.get(number);
  }

  /** Opens a channel, which the caller binds; undefined if the peer has one, or no number is free. */
  open(peer: Address): Channel | undefined {
    const key = keyOf(peer);
    const number = this.#open.has(key) ? undefined : this.#numberFor(key);
    if (number === undefined) return undefined;
    const channel = { number, peer, bound: false };
    this.#open.set(key, channel);
    this.#peers.set(number, peer);
    return channel;
  }

  /** Closes the channel to a peer. */
  close(peer: Address): void {
    const key = keyOf(peer);
    const channel = this.#open.get(key);
    if (!channel) return;
    this.#open.delete(key);
    const reusableAt = (this.#clock.now() + REUSE_DELAY) as EpochMs;
    this.#closed.set(key, { number: channel.number, reusableAt });
  }

  /** The number that is bound to the peer already, or a free one. */
  #numberFor(key: string): number | undefined {
    const own = this.#closed.get(key);
    if (own) return this.#reopen(key, own.number);
    const [oldest] = this.#closed;
    if (oldest && oldest[1].reusableAt <= this.#clock.now()) return this.#reopen(oldest[0], oldest[1].number);
    return this.#next > LAST_CHANNEL ? undefined : this.#next++;
  }

  #reopen(key: string, number: number): number {
    this.#closed.delete(key);
    return number;
  }
}

function keyOf({ ip, port }: Address): string {
  return `${ip} ${port}`;
}
