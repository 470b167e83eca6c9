/** Says what the loop is doing, from its flag `running` and from when its pictures came. No files, no timers. */
import type { SourceState } from "../../signaling/protocol.ts";
import type { EpochMs, Millis } from "../../timing.ts";
import type { Flag } from "./flags.ts";
import { epochMs } from "./time.ts";

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
      if (state.kind !== "live" && !late) {
        this.#run++;
        state = { kind: "live", since: now, run: this.#run };
      }
      this.#last = { seen: now, written: earlier(now, epochMs(pictureMtimeNs)) };
    }

    if (this.#last && state.kind !== "ended") {
      if (zero !== undefined && zero !== this.#belied) {
        state = { kind: "ended", since: earlier(now, epochMs(zero)) };
      } else if (now - this.#last.seen >= this.#stallAfter) {
        const kind = this.#flag.says === "1" ? "crashed" : "stalled";
        if (state.kind !== kind) state = { kind, since: this.#last.written };
      }
    }
    if (state === this.#state) return undefined;
    this.#state = state;
    return state;
  }
}

function earlier(one: EpochMs, other: EpochMs): EpochMs {
  return Math.min(one, other) as EpochMs;
}
