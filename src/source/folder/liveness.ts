/** Says what the loop is doing, from its flag `running` and from when its pictures came. No files, no timers. */

import type { EpochMs, Millis } from "../../base/clock.ts";
import type { SourceState } from "../../shared/protocol.ts";
import type { Flag } from "./flags.ts";
import { epochMs } from "./time.ts";

/** A loop that takes its time for a picture gets this many times as much until it counts as crashed. */
const PATIENCE = 3;

/** The state of one loop, moved on by what each look found. */
export class Liveness {
  readonly #stallAfter: Millis;
  #state: SourceState | undefined;
  #run = 0;
  #flag: Flag = { says: "absent" };
  /** The flag `0` found by the look before this one, by the time of its writing. */
  #known: bigint | undefined;
  /** A flag `0` that a newer picture has belied: the loop does not keep its flag, so it counts as absent. */
  #belied: bigint | undefined;
  #last: { readonly seen: EpochMs; readonly written: EpochMs } | undefined;
  /** Between the last two pictures of this run. */
  #interval: Millis = 0;
  /** When the flag was written that said `1` at the last picture. */
  #startedBy: bigint | undefined;

  constructor(stallAfter: Millis) {
    this.#stallAfter = stallAfter;
  }

  /**
   * Takes in one look: the flag, and the time of writing of the picture if a new one was found.
   * Returns the loop's state if it is another now.
   */
  observe(now: EpochMs, running: Flag, pictureMtimeNs?: bigint): SourceState | undefined {
    // An empty flag is about to be written: until then, what it said before holds.
    if (running.says !== "empty") this.#flag = running;
    const zero = this.#flag.says === "0" ? this.#flag.mtimeNs : undefined;
    const knownZero = zero !== undefined && zero === this.#known;
    this.#known = zero;

    let state = this.#state ?? { kind: "waiting" };
    if (pictureMtimeNs !== undefined) {
      if (knownZero && pictureMtimeNs > zero) this.#belied = zero;
      // The last picture of a loop may be found only after the flag that ended it.
      const late = state.kind === "ended" && knownZero && pictureMtimeNs <= zero;
      const one = this.#flag.says === "1" ? this.#flag.mtimeNs : undefined;
      if (state.kind !== "live" && !late) {
        // Without a word of a new start, a picture after a pause is a slow picture of the same run.
        const sameRun =
          state.kind === "stalled" ||
          (state.kind === "crashed" && one !== undefined && one === this.#startedBy);
        if (!sameRun) {
          this.#run++;
          this.#last = undefined;
        }
        state = { kind: "live", since: now, run: this.#run };
      }
      this.#startedBy = one;
      this.#interval = this.#last ? now - this.#last.seen : 0;
      this.#last = { seen: now, written: earlier(now, epochMs(pictureMtimeNs)) };
    } else if (state.kind === "ended" && this.#flag.says === "1") {
      state = { kind: "waiting" };
    }

    if (this.#last && state.kind !== "ended") {
      if (zero !== undefined && zero !== this.#belied) {
        state = { kind: "ended", since: earlier(now, epochMs(zero)) };
      } else if (state.kind !== "waiting" && now - this.#last.seen >= this.#patience) {
        const kind = this.#flag.says === "1" ? "crashed" : "stalled";
        if (state.kind !== kind) state = { kind, since: this.#last.written };
      }
    }
    if (state === this.#state) return undefined;
    this.#state = state;
    return state;
  }

  /** How long no picture may come. */
  get #patience(): Millis {
    return Math.max(this.#stallAfter, PATIENCE * this.#interval);
  }
}

function earlier(one: EpochMs, other: EpochMs): EpochMs {
  return Math.min(one, other) as EpochMs;
}
