/** The colour of a state, beside its words. */
import type { PlayerState } from "./state.ts";

/** The colour a state is told in, beside its words. */
export type Tone = "good" | "warm" | "bad" | "idle" | "busy";

/** The tone of a state. */
export function toneOf(kind: PlayerState["kind"]): Tone {
  switch (kind) {
    case "live":
      return "good";
    case "fallback":
    case "stalled":
    case "away":
      return "warm";
    case "crashed":
    case "failed":
    case "refused":
      return "bad";
    case "ended":
    case "paused":
      return "idle";
    case "connecting":
    case "waiting":
      return "busy";
  }
}
