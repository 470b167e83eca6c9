/**
 * The real times of frames for encoders that do not look at them: x264 without a frame held back, and those in hardware,
 * give each frame the bits of the rate that was expected. Asked for more or less bits by as much as frames come slower
 * or faster, they keep the bitrate (decision 0007).
 */
import type { Millis } from "../../base/clock.ts";

/** How much the latest interval counts. */
const LATEST = 0.2;

/** Two frames that come so much earlier than those before end a pause: from then on only their intervals count. */
const SUDDEN = 0.5;

/** Off by less is let be: each change starts something anew in an encoder. */
const TOLERANCE = 0.1;

/** No frame gets the bits of a longer time: it is what encoders may save. */
export const LONGEST: Millis = 500;

const SHORTEST: Millis = 2;

export class Pace {
  readonly #expected: Millis;
  #interval: Millis;
  #told: Millis;
  #before: Millis = Number.POSITIVE_INFINITY;

  constructor(fps: number) {
    this.#expected = 1000 / fps;
    this.#interval = this.#expected;
    this.#told = this.#expected;
  }

  /** The usual time between frames now. */
  get interval(): Millis {
    return this.#interval;
  }

  /** What to ask for instead of 1 bit. */
  get share(): number {
    return this.#told / this.#expected;
  }

  /** Takes the time since the frame before. */
  took(interval: Millis): void {
    const latest = Math.min(LONGEST, Math.max(SHORTEST, interval));
    const [sudden, both] = [SUDDEN * this.#interval, Math.max(latest, this.#before)];
    this.#before = latest;
    if (both < sudden) this.#interval = both;
    // One alone may be a keyframe that somebody needs between two pictures.
    else if (latest < sudden) this.#interval = Math.min(this.#interval, Math.max(latest, this.#expected));
    else this.#interval += LATEST * (latest - this.#interval);
    if (Math.abs(this.#interval / this.#told - 1) >= TOLERANCE) this.#told = this.#interval;
  }
}
