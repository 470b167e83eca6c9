/** When to make a keyframe: on request, but however many ask, one at most in a while. */
import type { EpochMs, Millis } from "../base/clock.ts";

/** A keyframe is many times a delta frame's size; oftener than this would starve the picture between them. */
export const MIN_KEYFRAME_INTERVAL: Millis = 300;

/** Gathers the requests of all viewers of one rendition. */
export class KeyframeRequests {
  #wanted = false;
  #lastKeyframe = Number.NEGATIVE_INFINITY;

  request(): void {
    this.#wanted = true;
  }

  /** How long to wait until the wanted keyframe may be made; undefined where none is wanted. */
  wait(now: EpochMs): Millis | undefined {
    if (!this.#wanted) return undefined;
    return Math.max(0, this.#lastKeyframe + MIN_KEYFRAME_INTERVAL - now);
  }

  /** Tell it of each keyframe made, asked for or not. */
  made(now: EpochMs): void {
    this.#wanted = false;
    this.#lastKeyframe = now;
  }
}
