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
  /** Frames that came onto the screen; undefined where the browser does not tell. */
  readonly presented?: number | undefined;
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

/** A playback counts each half second: rates that are older, in milliseconds, are none any more. */
export const STALE = 3000;
const SPAN = 3000;

/** After a longer time without a count the page itself was stopped: what comes then in a burst is no rate. */
const STOPPED = 2500;
const CATCHES_UP = 1500;

/** Rates over the last three seconds: short enough to follow, long enough to read. */
export class RateMeter {
  #samples: Counters[] = [];
  /** What was counted before says nothing. */
  #from = Number.NEGATIVE_INFINITY;
  /** The last two moments at which new frames had come: by them the rate of a slow source is told. */
  #came: { readonly at: number; readonly frames: number }[] = [];

  /** Takes the counters' new values. Counters that fell begin anew. */
  add(counters: Counters): void {
    const last = this.#samples.at(-1);
    if (last && (counters.bytes < last.bytes || counters.frames < last.frames)) this.clear();
    if (last && counters.at <= last.at) return;
    if (last && counters.at - last.at > STOPPED) {
      this.clear();
      this.#from = counters.at + CATCHES_UP;
    }
    if (counters.at < this.#from) return;
    this.#samples.push(counters);
    const frames = newFrames(counters);
    if (frames !== this.#came.at(-1)?.frames)
      this.#came = [...this.#came.slice(-1), { at: counters.at, frames }];
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
    const fresh = Math.max(0, newFrames(last) - newFrames(first));
    return {
      fps: fresh > 1 ? fresh / seconds : this.#slowRate(last.at),
      bitrate: ((last.bytes - first.bytes) * 8) / seconds,
      buffer: meanMs(first.bufferDelay, last.bufferDelay, difference(first.bufferFrames, last.bufferFrames)),
      decode: meanMs(first.decodeTime, last.decodeTime, frames),
      loss: share(difference(first.lost, last.lost), difference(first.packets, last.packets)),
    };
  }

  clear(): void {
    this.#samples = [];
    this.rest();
  }

  /** No new frames are due: what came before says nothing about their rate. */
  rest(): void {
    this.#came = [];
  }

  /** Of a frame in seconds: no more than the time since the last one allows. */
  #slowRate(now: number): number {
    const [before, last] = this.#came;
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
