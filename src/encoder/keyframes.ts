/** Decides when to make a keyframe: on request, at a limited rate. */
import type { EpochMs, Millis } from "../base/clock.ts";

/** A keyframe is many times larger than a delta frame: more keyframes would starve the frames between them. */
export const MIN_KEYFRAME_INTERVAL: Millis = 300;

/** Merges the keyframe requests of all viewers of one rendition. */
export class KeyframeRequests {
  #wanted = false;
  #lastKeyframe = Number.NEGATIVE_INFINITY;

  /** Requests one keyframe. */
  request(): void {
    this.#wanted = true;
  }

  /** Time until the requested keyframe is allowed; undefined if there is no request. */
  wait(now: EpochMs): Millis | undefined {
    if (!this.#wanted) return undefined;
    return Math.max(0, this.#lastKeyframe + MIN_KEYFRAME_INTERVAL - now);
  }

  /** Call it after each keyframe, requested or not. */
  made(now: EpochMs): void {
    this.#wanted = false;
    this.#lastKeyframe = now;
  }
}
