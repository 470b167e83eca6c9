/** Derives the loop's state from its flag `running` and the times of its pictures. It uses no files and no timers. */

import type { EpochMs, Millis } from "../../base/clock.ts";
import type { SourceState } from "../../shared/protocol.ts";
import type { Flag } from "./flags.ts";
import { epochMs } from "./time.ts";

/** A slow loop gets this many times its last frame interval before it counts as crashed. */
const STALL_INTERVALS = 3;

/** The state of one loop, updated by each look at its files. */
export class Liveness {
  readonly #stallAfter: Millis;
  #state: SourceState | undefined;
  #run = 0;
  #flag: Flag = { says: "absent" };
  /** Time of writing of the flag `0`, if the previous look found one. */
  #known: bigint | undefined;
  /** Time of writing of a flag `0` that a newer picture contradicts: the loop does not maintain it. */
  #ignored: bigint | undefined;
  #last: { readonly seen: EpochMs; readonly written: EpochMs } | undefined;
  /** Time between the last two pictures of this run. */
  #interval: Millis = 0;
  /** Time of writing of the flag `1`, if it was set at the last picture. */
  #startedBy: bigint | undefined;

  constructor(stallAfter: Millis) {
    this.#stallAfter = stallAfter;
  }

  /**
   * Takes the result of one look: the flag, and the time of writing of a new picture, in nanoseconds.
   * @returns the loop's state if it changed.
   */
  observe(now: EpochMs, running: Flag, pictureMtimeNs?: bigint): SourceState | undefined {
    // The loop is about to write an empty flag: its last content still holds.
    if (running.says !== "empty") this.#flag = running;
    const zero = this.#flag.says === "0" ? this.#flag.mtimeNs : undefined;
    const knownZero = zero !== undefined && zero === this.#known;
    this.#known = zero;

    let state = this.#state ?? { kind: "waiting" };
    if (pictureMtimeNs !== undefined) {
      if (knownZero && pictureMtimeNs > zero) this.#ignored = zero;
      // The last picture of a loop may be found after the flag that ended it.
      const late = state.kind === "ended" && knownZero && pictureMtimeNs <= zero;
      const one = this.#flag.says === "1" ? this.#flag.mtimeNs : undefined;
      if (state.kind !== "live" && !late) {
        // Without a new flag, a picture after a pause is a slow picture of the same run.
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
      if (zero !== undefined && zero !== this.#ignored) {
        state = { kind: "ended", since: earlier(now, epochMs(zero)) };
      } else if (state.kind !== "waiting" && now - this.#last.seen >= this.#stallTimeout) {
        const kind = this.#flag.says === "1" ? "crashed" : "stalled";
        if (state.kind !== kind) state = { kind, since: this.#last.written };
      }
    }
    if (state === this.#state) return undefined;
    this.#state = state;
    return state;
  }

  /** Without a picture for this long, the loop counts as crashed or stalled. */
  get #stallTimeout(): Millis {
    return Math.max(this.#stallAfter, STALL_INTERVALS * this.#interval);
  }
}

function earlier(one: EpochMs, other: EpochMs): EpochMs {
  return Math.min(one, other) as EpochMs;
}
