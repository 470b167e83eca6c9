/**
 * Trains of padding, for a viewer whose frames are too small to show what its network carries: without them only a try
 * could tell whether a better rendition fits, and one that fails is seen as a freeze.
 */
import type { Clock, Millis } from "../../base/clock.ts";

/** A packet's payload of nothing but padding, at its longest (RFC 3550, section 5.1). */
export const PADDING: Buffer = Buffer.alloc(255);
PADDING[254] = 255;

/** A train is as long as what is sought room for takes in such a time: jitter is shorter. */
const SPAN: Millis = 40;
/** Bytes: what says something, and what fits into a narrow network's queue. */
const MIN_TRAIN = 2000;
const MAX_TRAIN = 6000;

/** What is told of a train comes about so often. */
const APART: Millis = 100;
/** As many as show a capacity, and one that may be lost. */
const IN_A_ROW = 4;
/** Until the next row, where one has shown nothing. */
const REST: Millis = 3000;

export class Probe {
  readonly #clock: Clock;
  #sentAt: number = Number.NEGATIVE_INFINITY;
  #inARow = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * How many packets of {@link PADDING} to send now.
   * @param bitrate that room is sought for, bits a second; undefined where none is.
   */
  due(bitrate: number | undefined): number {
    const now = this.#clock.now();
    if (bitrate === undefined || now - this.#sentAt < (this.#inARow < IN_A_ROW ? APART : REST)) return 0;
    if (now - this.#sentAt >= REST) this.#inARow = 0;
    this.#sentAt = now;
    this.#inARow++;
    const bytes = Math.min(MAX_TRAIN, Math.max(MIN_TRAIN, (SPAN * bitrate) / 8000));
    return Math.ceil(bytes / PADDING.length);
  }
}
