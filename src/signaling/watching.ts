/** The requests of one page about its WebRTC session, of which it has one at most. */

import { z } from "zod";
import type { Clock, EpochMs, Millis } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import {
  type IceConfiguration,
  MAX_OFFER_LENGTH,
  type RefusalCode,
  type Reply,
  type SessionAnswer,
} from "../shared/protocol.ts";

/** An admitted viewer's session. */
export interface ViewerSession {
  /** The viewer's id in the log. */
  readonly id: string;
  readonly answer: string;
  /**
   * Answers an offer that restarts ICE.
   * @throws an error that {@link WatchingOptions.refusal} explains, if the offer cannot be answered.
   */
  restart(offer: string): Promise<string>;
  /** Requests a keyframe, as soon as the viewer's budget allows one. */
  keyframe(): void;
  /** Reports the latency that the page measures. */
  latency(milliseconds: number): void;
  /** Ends the session. */
  leave(): void;
}

/** A stream that admits viewers. */
export interface WatchableStream {
  /**
   * Admits a viewer.
   * @param address of the viewer, for the limit per address.
   * @param gone takes the reason when the server ends the session.
   */
  watch(offer: string, address: string, gone: (reason: string) => void): Promise<ViewerSession>;
}

/** What {@link Watching} needs of the server and the socket. */
export interface WatchingOptions {
  readonly clock: Clock;
  readonly find: (name: string) => WatchableStream | undefined;
  /** ICE servers for the next viewer, or for one that restarts ICE. */
  readonly ice: () => IceConfiguration;
  /** The answer to a viewer for an error; undefined for the server's own faults. */
  readonly refusal: (error: unknown) => { code: RefusalCode; message: string } | undefined;
  /** The client's network address, as `clientKey` makes it. */
  readonly address: string;
  /** Why the page may not watch the stream; undefined if it may. */
  readonly forbids: (stream: string) => Promise<Refusal | undefined>;
  readonly log: Log;
}

/** A refused request's answer. */
export type Refusal = Extract<Reply<never>, { readonly ok: false }>;

type Answer = Reply<SessionAnswer>;

/** A page restarts ICE when its network changes, and no more often than this. */
const RESTART_INTERVAL: Millis = 1000;
const KEYFRAME_REQUEST_INTERVAL: Millis = 500;

/** zod's own bounds read `length` of any value, and throw if that is no number. */
const text = (most: number) =>
  z.custom<string>((value) => typeof value === "string" && value.length > 0 && value.length <= most);

const sessionOffer = text(MAX_OFFER_LENGTH);
/** A stream's name in a request, not yet checked for its characters. */
export const streamName = text(64);
const watchRequest = z.object({ stream: streamName, offer: sessionOffer });
/** In milliseconds, a day at most. */
const latency = z.number().min(0).max(86_400_000);
const restartRequest = z.object({ offer: sessionOffer });

/** Refuses a name that no stream has. */
export const NO_SUCH_STREAM = {
  ok: false,
  code: "no-such-stream",
  message: "No stream has this name yet. It will show here as soon as it starts.",
} as const;
/** Refuses a request about a session that does not exist. */
export const NOT_WATCHING = {
  ok: false,
  code: "not-watching",
  message: "There is no connection to restart: watch the stream again.",
} as const;
/** Refuses a malformed request. */
export const BAD_REQUEST = { ok: false, code: "bad-request", message: "The request is not valid." } as const;
const TOO_SOON = {
  ok: false,
  code: "bad-request",
  message: "The connection was restarted just now: wait a second.",
} as const;

/** One page's session with the stream that it watches. */
export class Watching {
  readonly #options: WatchingOptions;
  readonly #tellEnd: (reason: string) => void;
  #watched: ViewerSession | undefined;
  /** The stream that it watches or joins. */
  #stream: { readonly name: string; readonly is: WatchableStream } | undefined;
  /** Counts offers and goodbyes, so that an outdated answer is dropped. */
  #attempt = 0;
  #restarting = false;
  #restartedAt: EpochMs | undefined;
  #keyframeAt: EpochMs | undefined;

  /** @param ended takes the reason when the server ends the session. */
  constructor(options: WatchingOptions, ended: (reason: string) => void) {
    this.#options = options;
    this.#tellEnd = ended;
  }

  /** Answers an SDP offer; ends the session before. */
  async watch(request: unknown): Promise<Answer> {
    const parsed = watchRequest.safeParse(request);
    if (!parsed.success) return BAD_REQUEST;
    this.leave();
    const attempt = this.#attempt;
    const forbidden = await this.#options.forbids(parsed.data.stream);
    if (forbidden) {
      this.#options.log(`A viewer was refused: ${forbidden.message}`, {
        level: "debug",
        stream: parsed.data.stream,
      });
      return forbidden;
    }
    const stream = this.#options.find(parsed.data.stream);
    if (!stream) return NO_SUCH_STREAM;
    // The page may have left meanwhile, and must not take a seat.
    if (attempt !== this.#attempt) return BAD_REQUEST;
    this.#stream = { name: parsed.data.stream, is: stream };
    try {
      const watched = await stream.watch(parsed.data.offer, this.#options.address, (reason) => {
        if (attempt !== this.#attempt) return;
        this.#attempt++;
        this.#stream = undefined;
        this.#watched = undefined;
        this.#tellEnd(reason);
      });
      if (attempt === this.#attempt) this.#watched = watched;
      else watched.leave();
      return { ok: true, value: { answer: watched.answer, viewer: watched.id, ...this.#options.ice() } };
    } catch (error) {
      return this.#refused(error, "A viewer could not join");
    }
  }

  /** Answers an offer that restarts ICE. */
  async restart(request: unknown): Promise<Answer> {
    const parsed = restartRequest.safeParse(request);
    if (!parsed.success) return BAD_REQUEST;
    const watched = this.#watched;
    if (!watched) return NOT_WATCHING;
    const now = this.#options.clock.now();
    const tooSoon = this.#restartedAt !== undefined && now - this.#restartedAt < RESTART_INTERVAL;
    if (this.#restarting || tooSoon) return TOO_SOON;
    this.#restarting = true;
    this.#restartedAt = now;
    try {
      const answer = await watched.restart(parsed.data.offer);
      // The page may have left meanwhile.
      if (watched !== this.#watched) return NOT_WATCHING;
      return { ok: true, value: { answer, ...this.#options.ice() } };
    } catch (error) {
      return this.#refused(error, "A viewer's connection could not be restarted");
    } finally {
      this.#restarting = false;
    }
  }

  /** Another stream took over the name: ends the session, so that the page watches that one. */
  moved(name: string, to: WatchableStream): void {
    if (this.#stream?.name !== name || this.#stream.is === to) return;
    this.leave();
    this.#tellEnd("another stream took over its name");
  }

  /** Requests a keyframe for a frozen picture; ignores requests that come too often. */
  keyframe(): void {
    const now = this.#options.clock.now();
    if (this.#keyframeAt !== undefined && now - this.#keyframeAt < KEYFRAME_REQUEST_INTERVAL) return;
    this.#keyframeAt = now;
    this.#watched?.keyframe();
  }

  /** Takes the latency that the page measures. */
  latency(milliseconds: unknown): void {
    const parsed = latency.safeParse(milliseconds);
    if (parsed.success) this.#watched?.latency(parsed.data);
  }

  /** Ends the session. */
  leave(): void {
    this.#attempt++;
    this.#stream = undefined;
    this.#watched?.leave();
    this.#watched = undefined;
  }

  #refused(error: unknown, what: string): Answer {
    const refusal = this.#options.refusal(error);
    if (refusal) {
      this.#options.log(`${what}: ${refusal.message}`, { level: "debug" });
      return { ok: false, ...refusal };
    }
    this.#options.log(`${what}: ${reasonOf(error)}`);
    return { ok: false, code: "failed", message: "The server failed to answer; its log says why." };
  }
}
