/** What to do about a video whose packets come and whose picture stands still, in the order of what it costs. */
import type { Counters } from "../figures/rates.ts";

/**
 * `keyframe`: ask the server for a picture that needs none before it. `reattach`: give the video to its element anew.
 * `reconnect`: begin again.
 */
export type Remedy = "keyframe" | "reattach" | "reconnect";

/** For how long packets have come without a frame, in milliseconds. */
const UNDECODED: readonly (readonly [after: number, remedy: Remedy])[] = [
  [1500, "keyframe"],
  [3000, "reattach"],
  [6000, "reconnect"],
];
/** Frames are decoded and none is shown: then the decoder is not to blame. */
const UNSHOWN: typeof UNDECODED = [[2000, "reattach"]];

/** One stretch of something missing. */
class Lack {
  readonly #steps: typeof UNDECODED;
  #since: number | undefined;
  #taken = 0;

  constructor(steps: typeof UNDECODED) {
    this.#steps = steps;
  }

  /** @param slack what may pass besides, in milliseconds. */
  next(at: number, slack: number): Remedy | undefined {
    this.#since ??= at;
    const [after, remedy] = this.#steps[this.#taken] ?? [];
    if (after === undefined || at - this.#since < after + slack) return undefined;
    this.#taken++;
    return remedy;
  }

  over(): void {
    this.#since = undefined;
    this.#taken = 0;
  }
}

/** Fed with counters about twice a second. */
export class Remedies {
  readonly #undecoded = new Lack(UNDECODED);
  readonly #unshown = new Lack(UNSHOWN);
  #last: Counters | undefined;
  #bytesCame = false;

  /**
   * What is due now, each remedy once until a frame comes.
   * @param sourceFps the frame rate to expect; undefined where no frames are expected.
   */
  next(counters: Counters, sourceFps: number | undefined): Remedy | undefined {
    const last = this.#last;
    this.#last = counters;
    const decoded = counters.frames !== last?.frames;
    const shown = counters.presented === undefined || counters.presented !== last?.presented;
    const expected = last !== undefined && sourceFps !== undefined;
    if (!expected || decoded) {
      this.#undecoded.over();
      this.#bytesCame = false;
    }
    if (!expected || shown) this.#unshown.over();
    if (!expected) return undefined;
    const slack = 1000 / Math.max(sourceFps, 0.05);
    if (decoded) return shown ? undefined : this.#unshown.next(counters.at, slack);
    // From the first bytes on: without any it is the network.
    this.#bytesCame ||= counters.bytes > last.bytes;
    return this.#bytesCame ? this.#undecoded.next(counters.at, slack) : undefined;
  }
}
