/** Notices a playback that is connected and yet shows nothing new. */
import type { Counters } from "../figures/rates.ts";

/** Bytes without a frame for so long: the decoder waits for what will not come. */
const STUCK_AFTER = 3000;
/** Not even bytes for so long, from a source whose frames come faster than that. */
const SILENT_AFTER = 6000;
/** Sooner than it is given up: in time for another way to be found. */
const QUIET_AFTER = 2000;
/** A picture that stands still for so long is not called live. */
export const STALL_TIMEOUT_MS = 1400;
/** Whoever looks so late was stopped itself: what has come meanwhile is still to be counted. */
const LATE = 2500;

/** Fed with counters once or twice a second. */
export class Watchdog {
  #last: Counters | undefined;
  /** When the last frame came, or when waiting for one began to make sense. */
  #frameAt = 0;
  /** When the first bytes after it came. */
  #bytesAt: number | undefined;
  readonly #stuckAfter: number;

  /** @param stuckAfter how long bytes may come without a frame, in milliseconds. */
  constructor(stuckAfter = STUCK_AFTER) {
    this.#stuckAfter = stuckAfter;
  }

  /**
   * Whether to give the playback up. `sourceFps` is the frame rate to expect: undefined where none
   * are expected (the source rests, or the page is hidden, where browsers may stop drawing).
   */
  isStuck(counters: Counters, sourceFps: number | undefined): boolean {
    const last = this.#last;
    this.#last = counters;
    const wasStopped = last !== undefined && counters.at - last.at > LATE;
    if (!last || wasStopped || sourceFps === undefined || counters.frames !== last.frames) {
      this.#frameAt = counters.at;
      this.#bytesAt = undefined;
      return false;
    }
    if (counters.bytes > last.bytes) this.#bytesAt ??= counters.at;
    if (this.#bytesAt !== undefined && counters.at - this.#bytesAt >= this.#stuckAfter) return true;
    return counters.at - this.#frameAt >= Math.max(SILENT_AFTER, 5000 / Math.max(sourceFps, 0.05));
  }
}

/** Notices, once each time, that nothing comes any more: the way to the server may have died long before ICE tells. */
export class Silence {
  #bytes: number | undefined;
  #at = 0;
  #since = 0;
  #told = false;
  readonly #after: number;

  /** @param after how long nothing may come, in milliseconds. */
  constructor(after = QUIET_AFTER) {
    this.#after = after;
  }

  /** As {@link Watchdog.isStuck}. */
  begins({ at, bytes }: Counters, sourceFps: number | undefined): boolean {
    const wasStopped = at - this.#at > LATE;
    this.#at = at;
    if (bytes !== this.#bytes || wasStopped || sourceFps === undefined) {
      this.#bytes = bytes;
      this.#since = at;
      this.#told = false;
      return false;
    }
    if (this.#told || at - this.#since < Math.max(this.#after, 2000 / Math.max(sourceFps, 0.05)))
      return false;
    this.#told = true;
    return true;
  }
}
