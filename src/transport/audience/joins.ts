/**
 * Lets viewers join some at a time: a handshake takes milliseconds of computing, and those of fifty viewers at once would
 * hold up the frames of all that are there.
 */
import type { Clock, Millis } from "../../base/clock.ts";
import type { Answer } from "./audience.ts";

/** Joins under way at once. */
const AT_ONCE = 4;

/** One on a long way mostly waits; after this long the next may begin beside it. */
const MAKES_WAY_AFTER: Millis = 100;

export class JoinQueue {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #underway = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** As `answer`, but in turn. */
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

  /** Waits for a turn; what it resolves to gives it back, once. */
  async #turn(): Promise<() => void> {
    if (this.#underway >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#underway++;
    let isOver = false;
    const done = () => {
      if (isOver) return;
      isOver = true;
      stopWaiting();
      const next = this.#waiting.shift();
      // Not in this task: those that give their turn up at once would follow each other without end.
      if (next) setImmediate(next);
      else this.#underway--;
    };
    const stopWaiting = this.#clock.after(MAKES_WAY_AFTER, done);
    return done;
  }
}
