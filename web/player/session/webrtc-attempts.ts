/**
 * WebRTC: one attempt after the other. If an attempt shows no picture within 5 s, or is refused, the session falls back to
 * MJPEG and WebRTC is tried again behind it; the first picture ends the fallback. A lost connection is joined again.
 */
import type { Reply, SessionAnswer } from "../../../src/shared/protocol.ts";
import type { Playback, PlaybackEvents, Refusal } from "../playback/playback.ts";
import type { Cancel, Timers } from "../playback/timers.ts";
import type { Offers } from "../webrtc/offers.ts";
import { Backoff } from "./backoff.ts";
import type { MjpegFallback } from "./mjpeg-fallback.ts";
import type { ModelStore } from "./model-store.ts";
import { type Attempt, newAttempt, type PlaybackObserver } from "./observer.ts";

/** How long WebRTC may take to show its first picture. */
export const FIRST_PICTURE_TIMEOUT_MS = 5000;
/** A loss after a longer time with a picture is joined again without back-off. */
const STABLE_TIME_MS = 10_000;
/** Viewers that wait for a seat join at random within this time. */
const SEAT_JITTER_MS = 1000;

/** Opens a WebRTC playback. */
export type OpenWebRtc = (
  events: PlaybackEvents,
  offers: Offers,
  expectedFps: () => number | undefined,
  hearsServer: () => boolean,
) => Playback;

/** What the attempts need. */
export interface WebRtcPorts {
  readonly timers: Timers;
  readonly store: ModelStore;
  readonly observer: PlaybackObserver;
  readonly fallback: MjpegFallback;
  /** Undefined if the browser has no WebRTC: then a join only asks for the description. */
  readonly open: OpenWebRtc | undefined;
  readonly offers: Offers;
  /** Asks the server for the stream's description; part of each join. */
  readonly follow: () => void;
  /** Without a token it is useless to repeat a request that needs one. */
  readonly hasToken: boolean;
  /** 0 to 1. */
  readonly random: () => number;
}

/** What the attempts wait for; all but `nothing` have one timer. */
type Wait =
  | { readonly kind: "nothing" }
  | {
      /**
       * `first-picture`: falls back to MJPEG when it is due. The others join when they are due. `retry`: behind the
       * fallback; `rejoin`: after a loss or a refusal; `seat`: a viewer has left the full stream.
       */
      readonly kind: "first-picture" | "retry" | "rejoin" | "seat";
      readonly cancel: Cancel;
    };

/** At most one attempt and one {@link Wait} at a time. */
export class WebRtcAttempts {
  readonly #ports: WebRtcPorts;
  readonly #retryBackoff: Backoff;
  readonly #rejoinBackoff: Backoff;
  #attempt: Attempt | undefined;
  #wait: Wait = { kind: "nothing" };

  constructor(ports: WebRtcPorts) {
    const { random } = ports;
    this.#ports = ports;
    this.#retryBackoff = new Backoff({ first: FIRST_PICTURE_TIMEOUT_MS, max: 60_000, random });
    this.#rejoinBackoff = new Backoff({ first: 250, max: 30_000, random });
  }

  /** Asks for everything: the stream's description and its video. Replaces the attempt that was open. */
  join(): void {
    this.close();
    this.#ports.follow();
    const { store, observer, open, offers } = this.#ports;
    if (!open) return;
    const attempt = newAttempt("webrtc");
    this.#attempt = attempt;
    attempt.playback = open(
      {
        ...observer.eventsOf(attempt),
        picture: () => this.#shows(attempt),
        blocked: () => this.#blocked(),
        refused: (refusal) => this.refused(refusal),
        lost: (why) => this.#lost(attempt, why),
      },
      { ...offers, watch: (offer) => this.#watch(offer) },
      () => store.expectedFps,
      () => store.hearsServer,
    );
    if (store.model.transport === "mjpeg") this.#waitFor("retry", this.#retryBackoff.next());
    else this.#waitFor("first-picture", FIRST_PICTURE_TIMEOUT_MS);
  }

  /** Shows MJPEG from now on, and tries WebRTC behind it. */
  fallBack(): void {
    const { store, fallback, open } = this.#ports;
    store.update({ transport: "mjpeg", blocked: false });
    fallback.open();
    if (open) this.#waitFor("retry", this.#retryBackoff.next());
  }

  /** The server refuses this viewer, by WebRTC or altogether. */
  refused({ code, message }: Refusal): void {
    const { store, fallback, hasToken } = this.#ports;
    this.close();
    store.update({ refusal: { code, message } });
    if (fallback.isAllowed && store.model.transport === "webrtc") this.fallBack();
    // A restarted server may need no token, but then the socket connects again too.
    if (code === "token" && !hasToken) this.suspend();
    else this.#waitFor("rejoin", this.#rejoinBackoff.next());
  }

  /** The server has ended the connection. */
  ended(): void {
    const attempt = this.#attempt;
    if (!attempt) return;
    this.close();
    this.#lost(attempt);
  }

  /** The source is live now: the first picture is due only from now on. */
  sourceStarted(): void {
    const isDue = this.#attempt && this.#attempt.pictureAt === undefined;
    const { transport, blocked } = this.#ports.store.model;
    if (isDue && transport === "webrtc" && !blocked) this.#waitFor("first-picture", FIRST_PICTURE_TIMEOUT_MS);
  }

  /** The user has pressed Play, which lets the browser play a blocked video. */
  resume(): void {
    this.#ports.store.update({ blocked: false });
    this.#waitFor("first-picture", FIRST_PICTURE_TIMEOUT_MS);
    this.#attempt?.playback?.resume?.();
  }

  /** A viewer has left the full stream: the seat is free for one of those that wait. */
  seatFreed(): void {
    if (!this.#attempt) this.#waitFor("seat", SEAT_JITTER_MS * this.#ports.random());
  }

  /** Closes the attempt; its last picture stays on the screen. */
  close(): void {
    const attempt = this.#attempt;
    if (!attempt) return;
    this.#attempt = undefined;
    attempt.playback?.close();
    if (attempt.pictureAt !== undefined) this.#ports.store.update({ picture: "old" });
  }

  /** Stops waiting: nothing more is tried until the next call. */
  suspend(): void {
    if (this.#wait.kind !== "nothing") this.#wait.cancel();
    this.#wait = { kind: "nothing" };
  }

  /** The server is back: the next failures are answered without delay. */
  resetBackoff(): void {
    this.#retryBackoff.reset();
    this.#rejoinBackoff.reset();
  }

  #waitFor(kind: Exclude<Wait["kind"], "nothing">, delay: number): void {
    const { timers, store } = this.#ports;
    if (kind !== "first-picture" && !store.isServerThere) return;
    this.suspend();
    const cancel = timers.after(delay, () => {
      this.#wait = { kind: "nothing" };
      if (kind === "first-picture") this.#firstPictureMissing();
      else this.join();
    });
    this.#wait = { kind, cancel };
  }

  #firstPictureMissing(): void {
    const { store } = this.#ports;
    // Connected, but the source has nothing to show: MJPEG would show nothing either.
    if (this.#attempt?.connectedAt !== undefined && !store.isSourceLive) {
      this.#waitFor("first-picture", FIRST_PICTURE_TIMEOUT_MS);
      return;
    }
    void this.#attempt?.playback?.trouble?.().then((trouble) => store.update({ trouble }));
    this.fallBack();
  }

  async #watch(offer: string): Promise<Reply<SessionAnswer>> {
    const { store, fallback, offers } = this.#ports;
    const reply = await offers.watch(offer);
    if (reply.ok && store.model.refusal) {
      store.update({ refusal: undefined });
      if (store.model.transport === "mjpeg") fallback.open();
    }
    return reply;
  }

  /** The browser waits for the user, as long as that takes. MJPEG, which needs no permission, stays on the screen. */
  #blocked(): void {
    const { store } = this.#ports;
    if (store.model.transport === "mjpeg") return;
    this.suspend();
    store.update({ blocked: true, picture: store.model.picture === "none" ? "none" : "old" });
  }

  #shows(attempt: Attempt): void {
    const { store, observer, fallback } = this.#ports;
    this.suspend();
    this.#retryBackoff.reset();
    fallback.close();
    observer.picture(attempt);
    store.update({
      transport: "webrtc",
      picture: "current",
      blocked: false,
      refusal: undefined,
      stalled: undefined,
      trouble: undefined,
    });
  }

  #lost(attempt: Attempt, trouble?: string): void {
    const { store, timers } = this.#ports;
    if (this.#attempt === attempt) this.#attempt = undefined;
    if (attempt.pictureAt === undefined) {
      if (trouble !== undefined) store.update({ trouble });
      // In the fallback the next attempt is due anyway.
      if (store.model.transport === "webrtc" && store.isServerThere) this.fallBack();
      return;
    }
    if (timers.now() - attempt.pictureAt > STABLE_TIME_MS) this.#rejoinBackoff.reset();
    store.update({ picture: "old" });
    this.#waitFor("rejoin", this.#rejoinBackoff.next());
  }
}
