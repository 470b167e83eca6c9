/** How long a publisher is waited for. */
import type { Clock, Millis } from "../../base/clock.ts";

/** A publisher of which nothing was heard for this long is dropped. */
const SILENCE: Millis = 10_000;

/** So is one of which no part became whole for this long, unless it sends at least so many bytes a second. */
const PART_WITHIN: Millis = 30_000;
const MIN_RATE = 4096;

/** Who is checked after a longer time than this was not: the process stood still, and has not read what came. */
const STOOD_STILL: Millis = 3000;

export class Patience {
  readonly #clock: Clock;
  #checked: number;
  #heard: number;
  /** Since when no part has become whole, or enough came for a large one, and what came since. */
  #since: number;
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#checked = this.#heard = this.#since = clock.now();
  }

  heard(bytes: number): void {
    this.#heard = this.#clock.now();
    this.#bytes += bytes;
  }

  /** A part has become whole. */
  whole(): void {
    this.#since = this.#clock.now();
    this.#bytes = 0;
  }

  /** Called about each second: why the publisher is waited for no longer, in a sentence for it; undefined while it is. */
  check(): string | undefined {
    const now = this.#clock.now();
    if (now - this.#checked > STOOD_STILL) {
      this.#heard = now;
      this.whole();
    }
    this.#checked = now;
    if (now - this.#heard > SILENCE) {
      return `Nothing came for ${SILENCE / 1000} seconds: send an idle part each second while there is no picture.`;
    }
    if (now - this.#since <= PART_WITHIN) return undefined;
    if (this.#bytes < (MIN_RATE * PART_WITHIN) / 1000) {
      return `No part was complete for ${PART_WITHIN / 1000} seconds, and less than ${MIN_RATE} bytes a second came.`;
    }
    this.whole();
    return undefined;
  }
}
