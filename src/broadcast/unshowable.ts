/** Counts pictures that cannot be shown. A torn one is normal; several in a row are a problem that viewers read. */

import type { Clock, Millis } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";

/** Refused pictures in a row that make a problem. */
const PROBLEM_COUNT = 3;

/** The least time between two log lines. */
const LOG_INTERVAL: Millis = 10_000;

/** In characters. A decoder's message may quote what a publisher sent. */
const MAX_CAUSE_LENGTH = 200;

/** The refused pictures of one stream. */
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

  /** A sentence for the user; undefined if pictures can be shown. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * Counts a picture that cannot be shown.
   * @param why in the server's own words: viewers and publishers read them.
   * @param alone whether it makes a problem by itself, as nothing else could be shown meanwhile.
   * @param cause the decoder's error, for the log only.
   * @returns whether it made a problem.
   */
  refused(why: string, alone: boolean, cause?: unknown): boolean {
    this.#inARow = Math.max(this.#inARow, alone ? PROBLEM_COUNT - 1 : 0) + 1;
    if (this.#inARow !== PROBLEM_COUNT) return false;
    this.#problem = `The pictures that come cannot be shown: ${why}.`;
    const now = this.#clock.now();
    if (now - this.#loggedAt >= LOG_INTERVAL) {
      this.#loggedAt = now;
      this.#log(this.#problem, { level: "warn" });
      if (cause !== undefined) this.#log(`The decoder says: ${lineOf(cause)}`, { level: "debug" });
    }
    return true;
  }

  /**
   * A picture is shown: ends the problem.
   * @returns whether there was one.
   */
  shown(): boolean {
    const healed = this.#problem !== undefined;
    this.#inARow = 0;
    this.#problem = undefined;
    return healed;
  }
}

/** The message of a cause in one line. */
function lineOf(cause: unknown): string {
  const words = reasonOf(cause);
  return words
    .slice(0, MAX_CAUSE_LENGTH)
    .replaceAll(/[\s\p{C}]+/gu, " ")
    .trim();
}
