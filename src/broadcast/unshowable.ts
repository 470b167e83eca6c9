/** Pictures that come but cannot be shown: worth a word, once it is more than a torn one. */

import type { Clock, Millis } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";

/** Pictures in a row that cannot be shown, until it is called a problem. */
const MANY = 3;

/** A problem that comes and goes is logged no more often. */
const LOG_EACH: Millis = 10_000;

/** The most that is logged of a library's words, in which a publisher's own may be quoted. */
const MAX_WORDS = 200;

export class Refusals {
  readonly #clock: Clock;
  readonly #log: Log;
  #inARow = 0;
  #problem: string | undefined;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** A sentence for the user; undefined while all is well. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * Another picture that cannot be shown.
   * @param why in our own words, which viewers and publishers read.
   * @param alone it counts as many: nothing else is shown meanwhile.
   * @param cause what a library says of it, for the log alone.
   * @returns whether that has made it a problem.
   */
  refused(why: string, alone: boolean, cause?: unknown): boolean {
    this.#inARow = Math.max(this.#inARow, alone ? MANY - 1 : 0) + 1;
    if (this.#inARow !== MANY) return false;
    this.#problem = `The pictures that come cannot be shown: ${why}.`;
    const now = this.#clock.now();
    if (now - this.#loggedAt >= LOG_EACH) {
      this.#loggedAt = now;
      this.#log(this.#problem);
      if (cause !== undefined) this.#log(`The decoder says: ${wordsOf(cause)}`, { level: "debug" });
    }
    return true;
  }

  /**
   * A picture is shown.
   * @returns whether there was a problem until now.
   */
  shown(): boolean {
    const healed = this.#problem !== undefined;
    this.#inARow = 0;
    this.#problem = undefined;
    return healed;
  }
}

/** In one line. */
function wordsOf(cause: unknown): string {
  const words = reasonOf(cause);
  return words
    .slice(0, MAX_WORDS)
    .replaceAll(/[\s\p{C}]+/gu, " ")
    .trim();
}
