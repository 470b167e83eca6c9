/** The text over or under a picture that is not live, and of notices beside it: labels and sentences for each state. */
import type { RefusalCode } from "../../../src/shared/protocol.ts";
import type { Refusal } from "../playback/playback.ts";
import { type Model, type PlayerState, RESTART_NOTICE_MS } from "../session/state.ts";

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
