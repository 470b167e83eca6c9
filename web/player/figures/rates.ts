/** Rates from counters that only increase. */

/** Counters of one playback at a point in time, from `getStats` or from the MJPEG reader. */
export interface Counters {
  /** On the page's clock, in milliseconds. */
  readonly at: number;
  readonly bytes: number;
  readonly frames: number;
  /** Frames that repeated a still picture. */
  readonly repeats?: number | undefined;
  /** Total seconds in the jitter buffer, and the number of frames they are for. */
  readonly bufferDelay?: number | undefined;
  readonly bufferFrames?: number | undefined;
  /** Total decoding time in seconds. */
  readonly decodeTime?: number | undefined;
  /** Packets that arrived, and packets that never did. */
  readonly packets?: number | undefined;
  readonly lost?: number | undefined;
  /** Frames that came onto the screen; undefined if the browser does not report it. */
  readonly presented?: number | undefined;
}

/** Rates between two points in time. */
export interface Rates {
  /** Frames per second. */
  readonly fps: number;
  /** Bits per second. */
  readonly bitrate: number;
  /** Mean time of a frame in the jitter buffer, in milliseconds. */
  readonly buffer?: number | undefined;
  /** Mean decoding time of a frame, in milliseconds. */
  readonly decode?: number | undefined;
  /** Share of the packets that never arrived, 0 to 1. */
  readonly loss?: number | undefined;
}

/** A playback counts each half second: older rates are no longer valid. */
export const RATE_MAX_AGE_MS = 3000;
const RATE_PERIOD_MS = 3000;
/** Samples arrive about each half second: the oldest may be this much older than the period. */
const RATE_PERIOD_SLACK_MS = 500;

/** After a longer time without a count the page itself was suspended: the burst that follows is no rate. */
const SUSPEND_THRESHOLD_MS = 2500;
const CATCH_UP_MS = 1500;

/** Rates over the last three seconds: short enough to follow, long enough to read. */
export class RateMeter {
  #samples: Counters[] = [];
  /** Samples before this time are ignored. */
  #from = Number.NEGATIVE_INFINITY;
  /** The last two times at which new frames had arrived: they give the rate of a slow source. */
  #arrivals: { readonly at: number; readonly frames: number }[] = [];

  /** Takes the counters' new values. If a counter has decreased, the rates start over. */
  add(counters: Counters): void {
    const last = this.#samples.at(-1);
    if (last && (counters.bytes < last.bytes || counters.frames < last.frames)) this.clear();
    if (last && counters.at <= last.at) return;
    if (last && counters.at - last.at > SUSPEND_THRESHOLD_MS) {
      this.clear();
      this.#from = counters.at + CATCH_UP_MS;
    }
    if (counters.at < this.#from) return;
    this.#samples.push(counters);
    const frames = newFrames(counters);
    if (frames !== this.#arrivals.at(-1)?.frames)
      this.#arrivals = [...this.#arrivals.slice(-1), { at: counters.at, frames }];
    while (
      this.#samples.length > 2 &&
      counters.at - (this.#samples[0]?.at ?? 0) > RATE_PERIOD_MS + RATE_PERIOD_SLACK_MS
    )
      this.#samples.shift();
  }

  /** The rates of the last three seconds; undefined until there are two samples. */
  get rates(): Rates | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.at <= first.at) return undefined;
    const seconds = (last.at - first.at) / 1000;
    const frames = last.frames - first.frames;
    const fresh = Math.max(0, newFrames(last) - newFrames(first));
    return {
      fps: fresh > 1 ? fresh / seconds : this.#slowRate(last.at),
      bitrate: ((last.bytes - first.bytes) * 8) / seconds,
      buffer: meanMs(first.bufferDelay, last.bufferDelay, difference(first.bufferFrames, last.bufferFrames)),
      decode: meanMs(first.decodeTime, last.decodeTime, frames),
      loss: share(difference(first.lost, last.lost), difference(first.packets, last.packets)),
    };
  }

  /** Starts over. */
  clear(): void {
    this.#samples = [];
    this.pause();
  }

  /** No new frames are due: earlier arrivals say nothing about the next rate. */
  pause(): void {
    this.#arrivals = [];
  }

  /** The rate of less than a frame per second: at most what the time since the last frame allows. */
  #slowRate(now: number): number {
    const [before, last] = this.#arrivals;
    if (!before || !last) return 0;
    return 1000 / Math.max((last.at - before.at) / Math.max(1, last.frames - before.frames), now - last.at);
  }
}

function newFrames({ frames, repeats = 0 }: Counters): number {
  return frames - repeats;
}

function difference(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : to - from;
}

/** A late packet counts as lost only until it arrives, so the number of lost packets can decrease. */
function share(lost: number | undefined, arrived: number | undefined): number | undefined {
  if (lost === undefined || arrived === undefined) return undefined;
  const missing = Math.max(0, lost);
  return missing + arrived > 0 ? missing / (missing + arrived) : undefined;
}

function meanMs(from: number | undefined, to: number | undefined, frames: number | undefined) {
  const seconds = difference(from, to);
  return seconds === undefined || !frames ? undefined : (seconds * 1000) / frames;
}
