/**
 * Corrects the bitrate for the real frame rate (decision 0007). Hardware encoders, and x264 without lookahead, ignore
 * the times of frames and divide the bitrate by the expected frame rate.
 */
import type { Millis } from "../../base/clock.ts";

/** Weight of the latest interval in the moving average. */
const SMOOTHING = 0.2;

/** If two intervals in a row are shorter than this part of the average, a pause has ended: restart the average. */
const SPEED_UP = 0.5;

/** Smaller deviations are ignored: each change resets state in the encoder. */
const TOLERANCE = 0.1;

/** Longer intervals count as this one. It is also the size of the encoders' rate-control buffer. */
export const MAX_INTERVAL: Millis = 500;

const MIN_INTERVAL: Millis = 2;

/** Tracks the frame intervals of one encoder. */
export class FramePace {
  readonly #expected: Millis;
  #interval: Millis;
  #reported: Millis;
  #previous: Millis = Number.POSITIVE_INFINITY;

  constructor(fps: number) {
    this.#expected = 1000 / fps;
    this.#interval = this.#expected;
    this.#reported = this.#expected;
  }

  /** The smoothed interval between frames. */
  get interval(): Millis {
    return this.#interval;
  }

  /** The factor for the bitrate: real interval by expected interval. */
  get share(): number {
    return this.#reported / this.#expected;
  }

  /** Adds the time since the frame before. */
  addInterval(interval: Millis): void {
    const latest = Math.min(MAX_INTERVAL, Math.max(MIN_INTERVAL, interval));
    const [sudden, both] = [SPEED_UP * this.#interval, Math.max(latest, this.#previous)];
    this.#previous = latest;
    if (both < sudden) this.#interval = both;
    // A single short interval may be an extra keyframe between two pictures.
    else if (latest < sudden) this.#interval = Math.min(this.#interval, Math.max(latest, this.#expected));
    else this.#interval += SMOOTHING * (latest - this.#interval);
    if (Math.abs(this.#interval / this.#reported - 1) >= TOLERANCE) this.#reported = this.#interval;
  }
}
