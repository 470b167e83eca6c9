/** Counts refused DTLS handshakes. Logs only some: an attacker can cause many per second. */

import type { Clock, Millis } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";

/** The shortest time between two log lines. */
const LOG_INTERVAL: Millis = 10_000;

/** One counter for all peers of a thread. */
export class HandshakeRefusals {
  readonly #clock: Clock;
  readonly #log: Log;
  #loggedAt = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Refused handshakes so far, for `/metrics`. */
  get count(): number {
    return this.#count;
  }

  /**
   * Counts a refused handshake.
   * @param why completes a sentence that begins with "the peer".
   */
  refused(why: string): void {
    this.#count++;
    const now = this.#clock.now();
    if (now - this.#loggedAt < LOG_INTERVAL) return;
    this.#loggedAt = now;
    this.#log(`A WebRTC peer was refused: it ${why}.`);
  }
}
