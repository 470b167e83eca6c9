/**
 * What the viewer is told. The {@link Model} keeps apart what the source does, whether the server is
 * there, and which way the pictures come; {@link describe} makes one {@link PlayerState} of them.
 */
import type { RefusalCode, SourceState } from "../../../src/signaling/protocol.ts";
import type { Transport } from "../figures/player-stats.ts";
import type { Reduction } from "../figures/rendition.ts";
import type { Refusal } from "../playback/playback.ts";

/** Everything the player's state follows from. Times are milliseconds since the epoch on the server's clock. */
export interface Model {
  readonly server: "connecting" | "there" | "away";
  /** Whether the server was ever there, and whether it was told to stop when it went. */
  readonly reached: boolean;
  readonly stopped: boolean;
  /** What the source does; undefined until the server has told. */
  readonly source: SourceState | undefined;
  /** The render loop's last restart, if there ever was one: when its start number `run` began. */
  readonly restart: { readonly run: number; readonly at: number } | undefined;
  /** The way the pictures come, or should. */
  readonly transport: Transport;
  /** `current`: by `transport` comes what there is. `old`: only what came before is left. */
  readonly picture: "none" | "current" | "old";
  /** Since when no picture has come though one should; undefined where all is well. */
  readonly stalled: { readonly since: number; readonly serverHeard: boolean } | undefined;
  /** Where the video comes from by TCP, as `192.0.2.1:8081`: by UDP it would come with less delay. */
  readonly byTcp: string | undefined;
  /** What of the full picture this viewer's network has no room for. */
  readonly slow: Reduction | undefined;
  /** Why there is no picture by WebRTC, as far as that is known: a clause without a full stop. */
  readonly trouble: string | undefined;
  /** Whether the browser has WebRTC at all. */
  readonly webrtc: boolean;
  readonly refusal: Refusal | undefined;
  /** Why no pictures come, or why the server cannot show those that do, in a sentence. */
  readonly problem: string | undefined;
  /** Why nothing is asked of the server: the user wants none, or nobody could see it. */
  readonly paused: "asked" | "unseen" | undefined;
}

/** What the player shows, and why. `kind` is the source's state wherever there is no worse news. */
export type PlayerState = {
  /** One or two words, such as `Live`. */
  readonly label: string;
  /** The state in a plain sentence. */
  readonly sentence: string;
  /** Shown quietly beside the picture, such as that the stream was restarted, or why no new picture comes. */
  readonly notice: string | undefined;
  readonly transport: Transport;
  readonly picture: Model["picture"];
  readonly source: SourceState | undefined;
} & (
  | { readonly kind: "connecting" | "waiting" | "away" }
  /** Nothing is asked of the server, nor sent by it. `unseen`: because the player is hidden or scrolled away. */
  | { readonly kind: "paused"; readonly why: "asked" | "unseen" }
  /** There is no picture, or none but an old one, and `sentence` says why. */
  | { readonly kind: "failed" }
  /** Pictures come by WebRTC, or by MJPEG because WebRTC did not connect. `run` counts the loop's starts. */
  | { readonly kind: "live" | "fallback"; readonly since: number; readonly run: number }
  | { readonly kind: "stalled" | "crashed" | "ended"; readonly since: number }
  | { readonly kind: "refused"; readonly refusal: Refusal }
);

/** How long a restart is worth a word, in milliseconds. */
export const RESTART_NOTICE = 60_000;

/** The model before anything has happened. */
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
  paused: undefined,
};

/** Takes over what the source does now, and notes a restart: the first live moment of a new run. */
export function withSource(model: Model, source: SourceState): Model {
  if (source.kind !== "live") return { ...model, source };
  const { run, since } = source;
  if (run === model.restart?.run) return { ...model, source };
  return { ...model, source, restart: run > 1 ? { run, at: since } : undefined };
}

/** The state, in words. `now` is the server's clock; `time` writes a point of it as the user's clock shows it. */
export function describe(model: Model, now: number, time: (at: number) => string): PlayerState {
  const { source, transport, picture, refusal } = model;
  const common = { transport, picture, source, notice: model.problem };
  if (model.paused !== undefined) {
    const sentence = model.paused === "asked" ? "Paused" : "Paused while out of sight";
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
        sentence: withFallback(
          `The renderer crashed or lost its connection, no picture since ${time(source.since)}`,
        ),
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
          ? `No picture since ${time(since)}, trying to get it back`
          : `Nothing has come from the server since ${time(since)}`;
        return { ...common, notice: undefined, kind: "stalled", label: "Stalled", sentence, since };
      }
      if (picture !== "current") {
        const sentence =
          model.problem ??
          fallback ??
          (picture === "old" ? "The picture was lost, trying to get it back" : "Connecting");
        return { ...common, notice: undefined, kind: "connecting", label: "Connecting", sentence };
      }
      const restart = model.restart && now - model.restart.at < RESTART_NOTICE ? model.restart : undefined;
      // By its own loop or by another publisher: only the server knows.
      const restarted = restart && `The stream restarted at ${time(restart.at)}`;
      const notice = model.problem ?? restarted ?? slowNotice(model) ?? tcpNotice(model);
      const live = { ...common, notice, since: source.since, run: source.run };
      if (fallback) return { ...live, kind: "fallback", label: "MJPEG", sentence: fallback };
      return { ...live, kind: "live", label: "Live", sentence: "Live" };
    }
  }
}

function awaySentence({ stopped, reached }: Model): string {
  if (stopped) return "The server was stopped; the picture comes back when it is started again";
  return reached
    ? "The connection to the server was lost, reconnecting"
    : "The server cannot be reached: is it running, and is this its address? Trying again";
}

function slowNotice({ slow, transport }: Model): string | undefined {
  if (slow === undefined || transport !== "webrtc") return undefined;
  return `Your network is slow: showing a ${slow} picture`;
}

function tcpNotice({ byTcp, transport }: Model): string | undefined {
  if (byTcp === undefined || transport !== "webrtc") return undefined;
  return `No UDP gets through, so the video comes by TCP, where a lost packet delays all that follow: let UDP to ${byTcp} pass`;
}

/** The label of a refusal, such as `Full`. */
export function refusalLabel(code: RefusalCode): string {
  if (code === "no-such-stream") return "Not there yet";
  return code === "full" ? "Full" : "Refused";
}

function refusedSentence({ code, message }: Refusal): string {
  if (code !== "full") return message;
  return "As many watch as this server takes. The picture comes by itself as soon as there is room";
}

function fallbackSentence({ webrtc, refusal, trouble, picture }: Model): string {
  const why = refusal
    ? refusal.message.replace(/[.\s]+$/, "")
    : webrtc
      ? (trouble ?? "WebRTC did not connect")
      : "This browser has no WebRTC";
  if (picture !== "current") return `${why}, trying MJPEG`;
  return `${why}, showing MJPEG${webrtc ? "; still trying" : ""}`;
}

/** `HH:MM:SS` on the user's clock, with the date where it is another day than `now`. */
export function timeOfDay(at: number, now: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  if (date.toDateString() === new Date(now).toDateString()) return clock;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}
