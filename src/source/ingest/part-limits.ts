/** The limits of one part of what a publisher sends. `--max-frame-mb` and `--max-megapixels` set the first two. */
import type { Millis } from "../../base/clock.ts";

/** The limits that the options set. */
export interface PartLimits {
  /** Bytes of a part's body. A larger part is refused before it is held in memory. */
  readonly maxBytes: number;
  /** Pixels of a raw picture. */
  readonly maxPixels: number;
}

/** Limit for a frame number: far below 2^53, so that counting from it stays exact. */
export const MAX_FRAME_NUMBER = 2 ** 48;

/** An older capture time is ignored: it comes from a wrong clock. */
export const MAX_CAPTURE_AGE: Millis = 10_000;
