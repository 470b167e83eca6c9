/**
 * The state of the player, for the user. The {@link Model} holds separate facts about the source, the server and the
 * transport; {@link describe} turns them into one {@link PlayerState}.
 */
import type { RefusalCode, SourceState } from "../../../src/shared/protocol.ts";
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

/**
 * Describes the model for the user.
 * @param now milliseconds on the server's clock.
 * @param time formats a time of the server's clock as the user's clock shows it.
 */
export function describe(model: Model, now: number, time: (at: number) => string): PlayerState {
  const { source, transport, picture, refusal } = model;
  const common = { transport, picture, source, notice: model.problem };
  if (model.paused !== undefined) {
    const sentence = model.paused === "asked" ? "Paused" : "Paused while not visible";
    return { ...common, notice: undefined, kind: "paused", label: "Paused", sentence, why: model.paused };
  }
  if (model.server === "away") {
    const label = model.stopped ? "Server stopped" : "Server away";
    return { ...common, notice: undefined, kind: "away", label, sentence: awaySentence(model) };
  }
  if (refusal && picture !== "current") {
    const label = refusalLabel(refusal.code);
    return { ...common, kind: "refused", label, sentence: refusedSentence(refusal), refusal };
  }
  if (model.blocked && picture !== "current") {
    const sentence = "This browser starts the video only after a click or tap. Press Play";
    return { ...common, kind: "paused", label: "Press Play", sentence, why: "blocked" };
  }
  if (!source) return { ...common, kind: "connecting", label: "Connecting", sentence: "Connecting" };

  const fallback = transport === "mjpeg" ? fallbackSentence(model) : undefined;
  const withFallback = (sentence: string) => (fallback ? `${sentence}. ${fallback}` : sentence);
  switch (source.kind) {
    case "waiting": {
      if (model.problem !== undefined) {
        const label = picture === "none" ? "No picture" : "No new picture";
        return { ...common, notice: undefined, kind: "failed", label, sentence: model.problem };
      }
      const which = picture === "none" ? "first" : "next";
      const sentence = withFallback(source.why ?? `Waiting for the ${which} picture`);
      return { ...common, kind: "waiting", label: "Waiting", sentence };
    }
    case "stalled":
      return {
        ...common,
        kind: "stalled",
        label: "Stalled",
        sentence: withFallback(`Stalled since ${time(source.since)}`),
        since: source.since,
      };
    case "crashed":
      return {
        ...common,
        kind: "crashed",
        label: "Crashed",
        sentence: withFallback(`The renderer crashed or disconnected. Last picture at ${time(source.since)}`),
        since: source.since,
      };
    case "ended":
      return {
        ...common,
        kind: "ended",
        label: "Ended",
        sentence: withFallback(`Ended at ${time(source.since)}`),
        since: source.since,
      };
    case "live": {
      if (picture !== "current" && model.stalled) {
        const { since, serverHeard } = model.stalled;
        const sentence = serverHeard
          ? `No picture since ${time(since)}, trying to recover`
          : `Nothing received from the server since ${time(since)}`;
        return { ...common, notice: undefined, kind: "stalled", label: "Stalled", sentence, since };
      }
      if (picture !== "current") {
        const sentence =
          model.problem ??
          fallback ??
          (picture === "old" ? "The picture was lost, trying to recover" : "Connecting");
        return { ...common, notice: undefined, kind: "connecting", label: "Connecting", sentence };
      }
      const restart = model.restart && now - model.restart.at < RESTART_NOTICE_MS ? model.restart : undefined;
      // Only the server knows whether the same publisher has returned.
      const restarted = restart && `The stream restarted at ${time(restart.at)}`;
      const notice = model.problem ?? restarted ?? slowNotice(model) ?? tcpNotice(model);
      const live = { ...common, notice, since: source.since, run: source.run };
      if (fallback) return { ...live, kind: "fallback", label: "MJPEG", sentence: fallback };
      return { ...live, kind: "live", label: "Live", sentence: "Live" };
    }
  }
}

function awaySentence({ stopped, reached }: Model): string {
  if (stopped) return "The server has stopped. The picture returns when it starts again";
  return reached
    ? "Connection to the server lost, reconnecting"
    : "The server cannot be reached. Check that it is running and that the address is right. Retrying";
}

function slowNotice({ slow, transport }: Model): string | undefined {
  if (slow === undefined || transport !== "webrtc") return undefined;
  return `Your network is slow: showing a ${slow} picture`;
}

function tcpNotice({ byTcp, transport }: Model): string | undefined {
  if (byTcp === undefined || transport !== "webrtc") return undefined;
  return `UDP is blocked, so the video uses TCP, where a lost packet delays all later ones. Allow UDP to ${byTcp}`;
}

/** The label of a refusal, such as `Full`. */
export function refusalLabel(code: RefusalCode): string {
  if (code === "no-such-stream") return "Not published yet";
  return code === "full" ? "Full" : "Refused";
}

function refusedSentence({ code, message }: Refusal): string {
  if (code !== "full") return message;
  return "This stream is full. You'll join automatically when a spot opens.";
}

function fallbackSentence({ webrtc, refusal, trouble, picture }: Model): string {
  const why = refusal
    ? refusal.message.replace(/[.\s]+$/, "")
    : webrtc
      ? (trouble ?? "WebRTC did not connect")
      : "This browser has no WebRTC";
  if (picture !== "current") return `${why}. Trying MJPEG`;
  return `${why}. Showing MJPEG${webrtc ? ", still trying WebRTC" : ""}`;
}

/** `HH:MM:SS` on the user's clock, with the date if it is not the day of `now`. Both are milliseconds since the epoch. */
export function timeOfDay(at: number, now: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  if (date.toDateString() === new Date(now).toDateString()) return clock;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}
