/** Detects a playback that is connected but shows nothing new. */
import type { Counters } from "../figures/rates.ts";

/** Bytes arrive for so long without a frame: the decoder waits for data that will not arrive. */
const UNDECODED_TIMEOUT_MS = 3000;
/** No new frame for so long, although the source is faster: the playback is given up. */
const NO_FRAME_TIMEOUT_MS = 6000;
/** No bytes for so long: early enough to move to another network before the playback is given up. */
const SILENCE_TIMEOUT_MS = 2000;
/** A picture that stands still for longer is no longer shown as live. */
export const STALL_TIMEOUT_MS = 1400;
/** If a count comes later than this, the page itself was suspended, and data that arrived meanwhile is not counted yet. */
const SUSPEND_THRESHOLD_MS = 2500;
/** A slow source may miss so many frames before it counts as stuck or silent. */
const STUCK_FRAMES = 5;
const SILENT_FRAMES = 2;
const MIN_SOURCE_FPS = 0.05;

/** Decides when to give a playback up; takes its counters once or twice per second. */
export class Watchdog {
  #last: Counters | undefined;
  /** When the last frame arrived, or when frames became due. */
  #frameAt = 0;
  /** When the first bytes after that frame arrived. */
  #bytesAt: number | undefined;
  readonly #undecodedTimeout: number;

  /** @param undecodedTimeout how long bytes may arrive without a frame, in milliseconds. */
  constructor(undecodedTimeout = UNDECODED_TIMEOUT_MS) {
    this.#undecodedTimeout = undecodedTimeout;
  }

  /**
   * Whether to give the playback up.
   * @param sourceFps frames per second to expect; undefined while none are expected (the source is idle, or the page is
   * hidden, in which case browsers may stop drawing).
   */
  isStuck(counters: Counters, sourceFps: number | undefined): boolean {
    const last = this.#last;
    this.#last = counters;
    const wasStopped = last !== undefined && counters.at - last.at > SUSPEND_THRESHOLD_MS;
    if (!last || wasStopped || sourceFps === undefined || counters.frames !== last.frames) {
      this.#frameAt = counters.at;
      this.#bytesAt = undefined;
      return false;
    }
    if (counters.bytes > last.bytes) this.#bytesAt ??= counters.at;
    if (this.#bytesAt !== undefined && counters.at - this.#bytesAt >= this.#undecodedTimeout) return true;
    return counters.at - this.#frameAt >= Math.max(NO_FRAME_TIMEOUT_MS, framesTime(STUCK_FRAMES, sourceFps));
  }
}

/** Detects, once each time, that nothing arrives any more: long before ICE reports that the route is dead. */
export class Silence {
  #bytes: number | undefined;
  #at = 0;
  #since = 0;
  #reported = false;
  readonly #timeout: number;

  /** @param timeout how long nothing may arrive, in milliseconds. */
  constructor(timeout = SILENCE_TIMEOUT_MS) {
    this.#timeout = timeout;
  }

  /** Whether a silence begins now. Parameters as of {@link Watchdog.isStuck}. */
  begins({ at, bytes }: Counters, sourceFps: number | undefined): boolean {
    const wasStopped = at - this.#at > SUSPEND_THRESHOLD_MS;
    this.#at = at;
    if (bytes !== this.#bytes || wasStopped || sourceFps === undefined) {
      this.#bytes = bytes;
      this.#since = at;
      this.#reported = false;
      return false;
    }
    if (this.#reported || at - this.#since < Math.max(this.#timeout, framesTime(SILENT_FRAMES, sourceFps)))
      return false;
    this.#reported = true;
    return true;
  }
}

/** How long the source takes for so many frames, in milliseconds. */
function framesTime(frames: number, sourceFps: number): number {
  return (1000 * frames) / Math.max(sourceFps, MIN_SOURCE_FPS);
}
