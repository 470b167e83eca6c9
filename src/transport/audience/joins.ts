/**
 * Limits how many viewers join at the same time. A DTLS handshake takes milliseconds of CPU: fifty at once would delay the
 * frames of all connected viewers.
 */
import type { Clock, Millis } from "../../base/clock.ts";
import type { Answer } from "./audience.ts";

const MAX_CONCURRENT_JOINS = 4;

/** A viewer with a long round trip mostly waits: after this time the next join may start beside it. */
const TURN_TIMEOUT: Millis = 100;

/** A queue of joins. */
export class JoinQueue {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wraps `answer` so that each call waits for its turn. The turn ends when the viewer connects or closes. */
  inTurn<Offer>(answer: Answer<Offer>): Answer<Offer> {
    return async (offer, events) => {
      const done = await this.#turn();
      try {
        return await answer(offer, {
          ...events,
          connected: () => {
            done();
            events.connected();
          },
          closed: (reason) => {
            done();
            events.closed(reason);
          },
        });
      } catch (error) {
        done();
        throw error;
      }
    };
  }

  /** Waits for a turn. Resolves to a function that ends it; repeated calls do nothing. */
  async #turn(): Promise<() => void> {
    if (this.#running >= MAX_CONCURRENT_JOINS)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    let isOver = false;
    const done = () => {
      if (isOver) return;
      isOver = true;
      stopWaiting();
      const next = this.#waiting.shift();
      // In a new task: joins that fail immediately would otherwise run in an endless chain.
      if (next) setImmediate(next);
      else this.#running--;
    };
    const stopWaiting = this.#clock.after(TURN_TIMEOUT, done);
    return done;
  }
}
