/** What one page watches by WebRTC: one peer connection at most, and what it asks about it. */

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

/** A viewer that was let in. */
export interface Watched {
  /** The viewer's, by which the log knows it. */
  readonly id: string;
  readonly answer: string;
  /**
   * Answers an offer that restarts ICE.
   * @throws what {@link WatchingOptions.refusal} knows, for an offer that cannot be answered.
   */
  restart(offer: string): Promise<string>;
  /** Sends a keyframe as soon as there can be one. */
  keyframe(): void;
  /** What its page measures, in milliseconds. */
  latency(milliseconds: number): void;
  leave(): void;
}

/** A stream as its watchers need it. */
export interface WatchedStream {
  /** @param address of who watches: the server takes so many from one. */
  watch(offer: string, address: string, gone: (reason: string) => void): Promise<Watched>;
}

export interface WatchingOptions {
  readonly clock: Clock;
  readonly find: (name: string) => WatchedStream | undefined;
  /** What the next viewer, or one that restarts ICE, looks for ways here by. */
  readonly ice: () => IceConfiguration;
  /** What a viewer is told of an error; undefined for the server's own faults. */
  readonly refusal: (error: unknown) => { code: RefusalCode; message: string } | undefined;
  /** The network address of who asks, in a form that is the same for all of one network. */
  readonly address: string;
  /** Why who asks may not watch the stream; undefined where they may. */
  readonly forbids: (stream: string) => Promise<Refusal | undefined>;
  readonly log: Log;
}

/** A refused request's answer. */
export type Refusal = Extract<Reply<never>, { readonly ok: false }>;

type Answer = Reply<SessionAnswer>;

/** A page restarts when its network changes, which it does not each second. */
const RESTART_EVERY: Millis = 1000;
const KEYFRAME_EVERY: Millis = 500;

/** zod's own bounds are looked up in whatever has a `length`, and throw where that is no number. */
const text = (most: number) =>
  z.custom<string>((value) => typeof value === "string" && value.length > 0 && value.length <= most);

const sessionOffer = text(MAX_OFFER_LENGTH);
export const streamName = text(64);
const watchRequest = z.object({ stream: streamName, offer: sessionOffer });
/** No page has a picture of yesterday. */
const latency = z.number().min(0).max(86_400_000);
const restartRequest = z.object({ offer: sessionOffer });

export const NO_SUCH_STREAM = {
  ok: false,
  code: "no-such-stream",
  message: "There is no stream of that name yet. It will show here as soon as it starts.",
} as const;
export const NOT_WATCHING = {
  ok: false,
  code: "not-watching",
  message: "There is no connection to restart.",
} as const;
export const BAD_REQUEST = { ok: false, code: "bad-request", message: "The request is not valid." } as const;
const TOO_SOON = {
  ok: false,
  code: "bad-request",
  message: "The connection was restarted just now: wait a second.",
} as const;

export class Watching {
  readonly #options: WatchingOptions;
  readonly #tellEnd: (reason: string) => void;
  #watched: Watched | undefined;
  /** What it watches, or is being let in to. */
  #stream: { readonly name: string; readonly is: WatchedStream } | undefined;
  /** Counts the offers, so that an answer overtaken by a newer offer or a goodbye is given up. */
  #attempt = 0;
  #restarting = false;
  #restartedAt: EpochMs | undefined;
  #keyframeAt: EpochMs | undefined;

  /** @param ended tells that the server has ended what was watched. */
  constructor(options: WatchingOptions, ended: (reason: string) => void) {
    this.#options = options;
    this.#tellEnd = ended;
  }

  async watch(request: unknown): Promise<Answer> {
    const parsed = watchRequest.safeParse(request);
    if (!parsed.success) return BAD_REQUEST;
    this.leave();
    const attempt = this.#attempt;
    const forbidden = await this.#options.forbids(parsed.data.stream);
    if (forbidden) {
      this.#options.log(`A viewer is refused: ${forbidden.message}`, { level: "debug" });
      return forbidden;
    }
    const stream = this.#options.find(parsed.data.stream);
    if (!stream) return NO_SUCH_STREAM;
    // It may have left meanwhile, and its seat is another's.
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

  async restart(request: unknown): Promise<Answer> {
    const parsed = restartRequest.safeParse(request);
    if (!parsed.success) return BAD_REQUEST;
    const watched = this.#watched;
    if (!watched) return NOT_WATCHING;
    const now = this.#options.clock.now();
    const tooSoon = this.#restartedAt !== undefined && now - this.#restartedAt < RESTART_EVERY;
    if (this.#restarting || tooSoon) return TOO_SOON;
    this.#restarting = true;
    this.#restartedAt = now;
    try {
      const answer = await watched.restart(parsed.data.offer);
      // It may have left meanwhile.
      if (watched !== this.#watched) return NOT_WATCHING;
      return { ok: true, value: { answer, ...this.#options.ice() } };
    } catch (error) {
      return this.#refused(error, "A viewer's connection could not be restarted");
    } finally {
      this.#restarting = false;
    }
  }

  /** Another stream has the name now: what is watched of the one before ends, so that the page asks for that. */
  moved(name: string, to: WatchedStream): void {
    if (this.#stream?.name !== name || this.#stream.is === to) return;
    this.leave();
    this.#tellEnd("the stream is another now");
  }

  /** For a picture that stands still; asked for more often than it can help, it does nothing. */
  keyframe(): void {
    const now = this.#options.clock.now();
    if (this.#keyframeAt !== undefined && now - this.#keyframeAt < KEYFRAME_EVERY) return;
    this.#keyframeAt = now;
    this.#watched?.keyframe();
  }

  /** Takes what a page says it measures. */
  latency(milliseconds: unknown): void {
    const parsed = latency.safeParse(milliseconds);
    if (parsed.success) this.#watched?.latency(parsed.data);
  }

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
