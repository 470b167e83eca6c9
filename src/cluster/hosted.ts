/** Viewers of this server's streams whose pages are connected to other servers. */

import type { Clock } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { RefusalCode } from "../shared/protocol.ts";
import {
  BAD_REQUEST,
  NOT_WATCHING,
  type ViewerSession,
  type WatchableStream,
} from "../signaling/watching.ts";
import type { Answer, Request } from "./messages.ts";

/** What {@link Hosted} needs of this server. */
export interface HostedOptions {
  readonly clock: Clock;
  readonly find: (name: string) => WatchableStream | undefined;
  /** As {@link WatchingOptions.refusal}. */
  readonly refusal: (error: unknown) => { code: RefusalCode; message: string } | undefined;
  readonly log: Log;
  /** Tells a server that one of its viewers' sessions ended. */
  readonly ended: (server: string, session: string, reason: string) => void;
}

/** A viewer that joins or watches. */
interface Session {
  watched: ViewerSession | undefined;
  left: boolean;
}

/** Per server: more than a rush of viewers. */
const MAX_SESSIONS = 2000;

/** The viewers that other servers' pages have here, by server and session. */
export class Hosted {
  readonly #options: HostedOptions;
  readonly #servers = new Map<string, Map<string, Session>>();

  constructor(options: HostedOptions) {
    this.#options = options;
  }

  /** Answers another server's request. Never rejects. */
  async answer(server: string, request: Request): Promise<Answer> {
    try {
      if (request.do === "clock") return { ok: true, value: { now: this.#options.clock.now() } };
      if (request.do === "watch") return await this.#watch(server, request);
      const watched = this.#servers.get(server)?.get(request.session)?.watched;
      if (!watched) return NOT_WATCHING;
      return { ok: true, value: { answer: await watched.restart(request.offer) } };
    } catch (error) {
      const refusal = this.#options.refusal(error);
      if (refusal) return { ok: false, ...refusal };
      this.#options.log(`A viewer from another server failed: ${reasonOf(error)}`, { level: "error" });
      return { ok: false, code: "failed", message: "The server failed to answer; its log says why." };
    }
  }

  /** As {@link ViewerSession.keyframe}. */
  keyframe(server: string, session: string): void {
    this.#servers.get(server)?.get(session)?.watched?.keyframe();
  }

  /** As {@link ViewerSession.latency}. */
  latency(server: string, session: string, milliseconds: number): void {
    this.#servers.get(server)?.get(session)?.watched?.latency(milliseconds);
  }

  /** Ends a viewer's session, as its page left. */
  leave(server: string, session: string): void {
    const left = this.#forget(server, session);
    if (!left) return;
    left.left = true;
    left.watched?.leave();
  }

  /** A server is gone or cannot be heard: ends the sessions of its viewers, and tells it in case it still hears. */
  lost(server: string): void {
    for (const session of [...(this.#servers.get(server)?.keys() ?? [])]) {
      this.leave(server, session);
      this.#options.ended(server, session, "the servers lost their connection");
    }
  }

  /** Ends all sessions. */
  close(): void {
    for (const server of [...this.#servers.keys()]) this.lost(server);
  }

  async #watch(server: string, request: Extract<Request, { readonly do: "watch" }>): Promise<Answer> {
    const stream = this.#options.find(request.stream);
    if (!stream) return { ok: false, code: "no-such-stream", message: "This stream has just ended." };
    const sessions = this.#servers.get(server) ?? new Map<string, Session>();
    this.#servers.set(server, sessions);
    if (sessions.has(request.session) || sessions.size >= MAX_SESSIONS) return BAD_REQUEST;
    const session: Session = { watched: undefined, left: false };
    sessions.set(request.session, session);
    let isIn = false;
    try {
      const watched = await stream.watch(request.offer, request.address, (reason) => {
        if (this.#forget(server, request.session)) this.#options.ended(server, request.session, reason);
      });
      isIn = true;
      session.watched = watched;
      if (session.left) watched.leave();
      return { ok: true, value: { answer: watched.answer, viewer: watched.id } };
    } finally {
      if (!isIn) this.#forget(server, request.session);
    }
  }

  #forget(server: string, session: string): Session | undefined {
    const sessions = this.#servers.get(server);
    const forgotten = sessions?.get(session);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#servers.delete(server);
    return forgotten;
  }
}
