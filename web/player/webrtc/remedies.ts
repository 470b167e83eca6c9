/** Remedies for a video that receives packets but shows no new picture, the cheapest first. */
import type { Counters } from "../figures/rates.ts";

/**
 * `keyframe`: request a keyframe. `reattach`: attach the track to the video element again. `reconnect`: open a new
 * connection.
 */
export type Remedy = "keyframe" | "reattach" | "reconnect";

/** Packets arrive and no frame is decoded. Times are milliseconds. */
const UNDECODED_REMEDIES: readonly (readonly [after: number, remedy: Remedy])[] = [
  [1500, "keyframe"],
  [3000, "reattach"],
  [6000, "reconnect"],
];
/** Frames are decoded and none is shown: the decoder works. */
const UNSHOWN_REMEDIES: typeof UNDECODED_REMEDIES = [[2000, "reattach"]];

const MIN_SOURCE_FPS = 0.05;

/** A period without frames, and the remedies taken so far. */
class Outage {
  readonly #steps: typeof UNDECODED_REMEDIES;
  #since: number | undefined;
  #taken = 0;

  constructor(steps: typeof UNDECODED_REMEDIES) {
    this.#steps = steps;
  }

  /** @param slack added to each time, in milliseconds: a slow source has long intervals. */
  next(at: number, slack: number): Remedy | undefined {
    this.#since ??= at;
    const [after, remedy] = this.#steps[this.#taken] ?? [];
    if (after === undefined || at - this.#since < after + slack) return undefined;
    this.#taken++;
    return remedy;
  }

  end(): void {
    this.#since = undefined;
    this.#taken = 0;
  }
}

/** Chooses the remedy; takes the counters about twice per second. */
export class Remedies {
  readonly #undecoded = new Outage(UNDECODED_REMEDIES);
  readonly #unshown = new Outage(UNSHOWN_REMEDIES);
  #last: Counters | undefined;
  #hasBytes = false;

  /**
   * The remedy that is due now; each only once until a frame arrives.
   * @param sourceFps frames per second to expect; undefined while none are expected.
   */
  next(counters: Counters, sourceFps: number | undefined): Remedy | undefined {
    const last = this.#last;
    this.#last = counters;
    const decoded = counters.frames !== last?.frames;
    const shown = counters.presented === undefined || counters.presented !== last?.presented;
    const expected = last !== undefined && sourceFps !== undefined;
    if (!expected || decoded) {
      this.#undecoded.end();
      this.#hasBytes = false;
    }
    if (!expected || shown) this.#unshown.end();
    if (!expected) return undefined;
    const slack = 1000 / Math.max(sourceFps, MIN_SOURCE_FPS);
    if (decoded) return shown ? undefined : this.#unshown.next(counters.at, slack);
    // Counted from the first bytes on: without any bytes the network is at fault.
    this.#hasBytes ||= counters.bytes > last.bytes;
    return this.#hasBytes ? this.#undecoded.next(counters.at, slack) : undefined;
  }
}
