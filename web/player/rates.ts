/** Rates from counters that only grow. */

/** Counters of one playback at a moment, as `getStats` or the MJPEG reader tells them. */
export interface Counters {
  /** On the page's clock, in milliseconds. */
  readonly at: number;
  readonly bytes: number;
  readonly frames: number;
  /** How many of the frames were still pictures sent again. */
  readonly repeats?: number | undefined;
  /** Seconds that all frames together spent in the jitter buffer, and how many frames those were. */
  readonly bufferDelay?: number | undefined;
  readonly bufferFrames?: number | undefined;
  /** Seconds that decoding all frames took. */
  readonly decodeTime?: number | undefined;
  /** Packets that came, and those that never did. */
  readonly packets?: number | undefined;
  readonly lost?: number | undefined;
}

/** Rates between two moments. */
export interface Rates {
  /** Frames a second. */
  readonly fps: number;
  /** Bits a second. */
  readonly bitrate: number;
  /** Mean milliseconds a frame spent in the jitter buffer. */
  readonly buffer?: number | undefined;
  /** Mean milliseconds a frame took to decode. */
  readonly decode?: number | undefined;
  /** Share of the packets that never came, 0 to 1. */
  readonly loss?: number | undefined;
}

const SPAN = 3000;

/** Rates over the last three seconds: short enough to follow, long enough to read. */
export class RateMeter {
  #samples: Counters[] = [];

  /** Takes the counters' new values. Counters that fell begin anew. */
  add(counters: Counters): void {
    const last = this.#samples.at(-1);
    if (last && (counters.bytes < last.bytes || counters.frames < last.frames)) this.#samples = [];
    if (last && counters.at <= last.at) return;
    this.#samples.push(counters);
    while (this.#samples.length > 2 && counters.at - (this.#samples[0]?.at ?? 0) > SPAN + 500)
      this.#samples.shift();
  }

  /** Undefined until there are two samples. */
  get rates(): Rates | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.at <= first.at) return undefined;
    const seconds = (last.at - first.at) / 1000;
    const frames = last.frames - first.frames;
    return {
      fps: Math.max(0, frames - (difference(first.repeats, last.repeats) ?? 0)) / seconds,
      bitrate: ((last.bytes - first.bytes) * 8) / seconds,
      buffer: meanMs(first.bufferDelay, last.bufferDelay, difference(first.bufferFrames, last.bufferFrames)),
      decode: meanMs(first.decodeTime, last.decodeTime, frames),
      loss: share(difference(first.lost, last.lost), difference(first.packets, last.packets)),
    };
  }

  clear(): void {
    this.#samples = [];
  }
}

function difference(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : to - from;
}

/** A packet that is late is first counted as lost, and then not any more: there may be fewer than before. */
function share(lost: number | undefined, came: number | undefined): number | undefined {
  if (lost === undefined || came === undefined) return undefined;
  const missing = Math.max(0, lost);
  return missing + came > 0 ? missing / (missing + came) : undefined;
}

function meanMs(from: number | undefined, to: number | undefined, frames: number | undefined) {
  const seconds = difference(from, to);
  return seconds === undefined || !frames ? undefined : (seconds * 1000) / frames;
}
