/** Peers whose handshake proves nothing: each is counted, and few are logged, as they may come many times a second. */
import type { Clock, Millis } from "../../base/clock.ts";

/** At most one line in this time. */
const LOG_EACH: Millis = 10_000;

export class HandshakeRefusals {
  readonly #clock: Clock;
  readonly #log: (line: string) => void;
  #loggedAt = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(clock: Clock, log: (line: string) => void) {
    this.#clock = clock;
    this.#log = log;
  }

  /** For `/metrics`. */
  get count(): number {
    return this.#count;
  }

  /** @param why completes a sentence that begins with the peer. */
  refused(why: string): void {
    this.#count++;
    const now = this.#clock.now();
    if (now - this.#loggedAt < LOG_EACH) return;
    this.#loggedAt = now;
    this.#log(`A WebRTC peer was refused: it ${why}.`);
  }
}
