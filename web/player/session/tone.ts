/** The colour of a state, beside its words. */
import type { RefusalCode } from "../../../src/shared/protocol.ts";
import type { PlayerState } from "./state.ts";

/** `warm` is a warning, `idle` is grey, `busy` pulses. */
export type Tone = "good" | "warm" | "bad" | "idle" | "busy";

/** The tone of a state, the same on the page and in the player. */
export function toneOf(state: PlayerState): Tone {
  switch (state.kind) {
    case "live":
      return "good";
    case "fallback":
    case "stalled":
    case "away":
      return "warm";
    case "crashed":
    case "failed":
      return "bad";
    case "refused":
      return toneOfRefusal(state.refusal.code);
    case "ended":
    case "paused":
      return "idle";
    case "connecting":
    case "waiting":
      return "busy";
  }
}

/** A viewer that waits for a stream or a seat need not act: the picture appears by itself. */
export function toneOfRefusal(code: RefusalCode): Tone {
  return code === "no-such-stream" || code === "full" ? "busy" : "bad";
}
