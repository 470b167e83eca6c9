/**
 * The state of the player. The {@link Model} holds separate facts about the source, the server and the transport;
 * `ui/state-text.ts` turns them into one {@link PlayerState} with its sentences.
 */
import type { SourceState } from "../../../src/shared/protocol.ts";
import type { Transport } from "../figures/player-stats.ts";
import type { Reduction } from "../figures/rendition.ts";
import type { Refusal } from "../playback/playback.ts";

/** The facts behind the player's state. Times are milliseconds since the epoch on the server's clock. */
export interface Model {
  readonly server: "connecting" | "there" | "away";
  /** Whether the server was ever there, and whether it announced its shutdown. */
  readonly reached: boolean;
  readonly stopped: boolean;
  /** State of the source; undefined until the server has reported it. */
  readonly source: SourceState | undefined;
  /** The last restart of the render loop: start number `run` began at `at`; undefined if there was none. */
  readonly restart: { readonly run: number; readonly at: number } | undefined;
  /** The transport in use, or being tried. */
  readonly transport: Transport;
  /** `current`: `transport` delivers pictures. `old`: only an earlier picture is left. */
  readonly picture: "none" | "current" | "old";
  /** Since when no picture has arrived although one is due; undefined if there is no such problem. */
  readonly stalled: { readonly since: number; readonly serverHeard: boolean } | undefined;
  /** The server's address, such as `192.0.2.1:8081`, if the video uses TCP; UDP would have less delay. */
  readonly byTcp: string | undefined;
  /** How the rendition is reduced for this viewer's network; undefined for the full rendition. */
  readonly slow: Reduction | undefined;
  /** Why there is no picture by WebRTC: one or two sentences without the last full stop; undefined if not known. */
  readonly trouble: string | undefined;
  /** Whether the browser has WebRTC. */
  readonly webrtc: boolean;
  readonly refusal: Refusal | undefined;
  /** Why the server has no pictures, or cannot show them: a sentence. */
  readonly problem: string | undefined;
  /** Whether the browser refuses to play the video until the user presses Play. */
  readonly blocked: boolean;
  /** Why the player has no session: the user or page asked for it, or nobody can see the player. */
  readonly paused: "asked" | "unseen" | undefined;
}

/** What the player shows, and why. `kind` is the state of the source unless something else is wrong. */
export type PlayerState = {
  /** One or two words, such as `Live`. */
  readonly label: string;
  /** The state in a sentence. */
  readonly sentence: string;
  /** Shown beside the picture, such as that the stream has restarted, or why there is no new picture. */
  readonly notice: string | undefined;
  readonly transport: Transport;
  readonly picture: Model["picture"];
  readonly source: SourceState | undefined;
} & (
  | { readonly kind: "connecting" | "waiting" | "away" }
  /**
   * `asked` and `unseen` (hidden or scrolled away): the player costs the server nothing. `blocked`: the browser refuses
   * autoplay, and `play()` in a handler of a click starts the video.
   */
  | { readonly kind: "paused"; readonly why: "asked" | "unseen" | "blocked" }
  /** There is no picture, or only an old one; `sentence` says why. */
  | { readonly kind: "failed" }
  /** Pictures arrive by WebRTC, or by MJPEG because WebRTC did not connect. `run` counts the starts of the render loop. */
  | { readonly kind: "live" | "fallback"; readonly since: number; readonly run: number }
  | { readonly kind: "stalled" | "crashed" | "ended"; readonly since: number }
  | { readonly kind: "refused"; readonly refusal: Refusal }
);

/** How long the notice of a restart is shown. */
export const RESTART_NOTICE_MS = 60_000;

/** The model of a new player. */
export const initialModel: Model = {
  server: "connecting",
  reached: false,
  stopped: false,
  source: undefined,
  restart: undefined,
  transport: "webrtc",
  picture: "none",
  stalled: undefined,
  trouble: undefined,
  byTcp: undefined,
  slow: undefined,
  webrtc: true,
  refusal: undefined,
  problem: undefined,
  blocked: false,
  paused: undefined,
};

/** The model with a new state of the source. A restart is noted when a new run becomes live. */
export function withSource(model: Model, source: SourceState): Model {
  if (source.kind !== "live") return { ...model, source };
  const { run, since } = source;
  if (run === model.restart?.run) return { ...model, source };
  return { ...model, source, restart: run > 1 ? { run, at: since } : undefined };
}
