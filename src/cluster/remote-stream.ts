/** A stream that another server has, as signaling here needs it: its viewers get their video from there. */

import { randomUUID } from "node:crypto";
import type { EpochMs } from "../base/clock.ts";
import type { Claim } from "../broadcast/directory.ts";
import type { RefusalCode, StreamInfo } from "../shared/protocol.ts";
import type { SignaledStream } from "../signaling/socket.ts";
import type { Watched } from "../signaling/watching.ts";
import type { Answer, Request } from "./messages.ts";
import type { Receiver } from "./passed-on.ts";

/** The other server refused. */
export class RemoteError extends Error {
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** What is told of a viewer from here. */
export type News =
  | { readonly kind: "keyframe" | "leave"; readonly session: string }
  | { readonly kind: "latency"; readonly session: string; readonly milliseconds: number };

/** The server that has it. */
export interface Peer extends Receiver {
  /** Where it answers HTTP, for other servers. */
  readonly url: string;
  ask(request: Request): Promise<Answer>;
  tell(news: News): void;
  /** Its viewers from here, by session: what is told of their end. */
  readonly sessions: Map<string, (reason: string) => void>;
}

export class RemoteStream implements SignaledStream {
  readonly peer: Peer;
  readonly #listeners = new Set<(info: StreamInfo) => void>();
  #info: StreamInfo;
  #claim: Claim;

  constructor(peer: Peer, info: StreamInfo, claim: Claim) {
    this.peer = peer;
    this.#info = info;
    this.#claim = claim;
  }

  get name(): string {
    return this.#info.name;
  }

  get claim(): Claim {
    return this.#claim;
  }

  info(): StreamInfo {
    return this.#info;
  }

  listen(listener: (info: StreamInfo) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** It is so now. */
  told(info: StreamInfo, claim: Claim): void {
    const changed = JSON.stringify(info.state) !== JSON.stringify(this.#info.state);
    this.#info = info;
    this.#claim = claim;
    // The rest is told each second.
    if (changed) for (const listener of this.#listeners) listener(info);
  }

  /**
   * The time by which that server times its frames.
   * @throws {RemoteError}
   */
  async clock(): Promise<EpochMs> {
    const { now = Number.NaN } = await this.#ask({ do: "clock" });
    return now as EpochMs;
  }

  /** @throws {RemoteError} as the other server refuses. */
  async watch(offer: string, address: string, gone: (reason: string) => void): Promise<Watched> {
    const session = randomUUID();
    const { peer, name: stream } = this;
    peer.sessions.set(session, gone);
    const leave = () => {
      if (peer.sessions.delete(session)) peer.tell({ kind: "leave", session });
    };
    try {
      const { answer, viewer } = await this.#ask({ do: "watch", session, stream, offer, address });
      return {
        id: viewer ?? session,
        answer: answer ?? "",
        restart: async (offer) => (await this.#ask({ do: "restart", session, offer })).answer ?? "",
        keyframe: () => peer.tell({ kind: "keyframe", session }),
        latency: (milliseconds) => peer.tell({ kind: "latency", session, milliseconds }),
        leave,
      };
    } catch (error) {
      // It may only have answered too late.
      leave();
      throw error;
    }
  }

  async #ask(request: Request): Promise<Extract<Answer, { readonly ok: true }>["value"]> {
    const answer = await this.peer.ask(request);
    if (!answer.ok) throw new RemoteError(answer.code, answer.message);
    return answer.value;
  }
}
