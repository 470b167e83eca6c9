/** Decides when a publisher that sends nothing, or too little, is disconnected. */
import type { Clock, Millis } from "../../base/clock.ts";

/** A publisher that sends nothing for this long is disconnected. */
const SILENCE_TIMEOUT: Millis = 10_000;

/** So is one that completes no part within this time, unless it sends at least `MIN_RATE` bytes per second. */
const PART_TIMEOUT: Millis = 30_000;
const MIN_RATE = 4096;

/** If checks come later than this, this process stalled and read nothing: do not blame the publisher. */
const STALL_THRESHOLD: Millis = 3000;

/** Measures the silence and the progress of one publisher. */
export class PublisherTimeout {
  readonly #clock: Clock;
  #lastCheck: number;
  #lastBytes: number;
  /** Start of the present {@link PART_TIMEOUT}, and the bytes received since then. */
  #since: number;
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastCheck = this.#lastBytes = this.#since = clock.now();
  }

  /** Counts received bytes. */
  received(bytes: number): void {
    this.#lastBytes = this.#clock.now();
    this.#bytes += bytes;
  }

  /** A part is complete: restarts the part timeout. */
  partComplete(): void {
    this.#since = this.#clock.now();
    this.#bytes = 0;
  }

  /** Call it about once a second. Returns undefined, or the reason to disconnect as a sentence for the publisher. */
  check(): string | undefined {
    const now = this.#clock.now();
    if (now - this.#lastCheck > STALL_THRESHOLD) {
      this.#lastBytes = now;
      this.partComplete();
    }
    this.#lastCheck = now;
    if (now - this.#lastBytes > SILENCE_TIMEOUT) {
      return `Nothing came for ${SILENCE_TIMEOUT / 1000} seconds: send an idle part each second while there is no picture.`;
    }
    if (now - this.#since <= PART_TIMEOUT) return undefined;
    if (this.#bytes < (MIN_RATE * PART_TIMEOUT) / 1000) {
      return `No part was complete for ${PART_TIMEOUT / 1000} seconds, and less than ${MIN_RATE} bytes a second came.`;
    }
    // A large part is on its way: it gets another timeout.
    this.partComplete();
    return undefined;
  }
}
