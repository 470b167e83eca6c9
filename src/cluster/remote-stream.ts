/** A stream of another server. Signaling is relayed to that server, and viewers get the video from it. */

import { randomUUID } from "node:crypto";
import type { EpochMs } from "../base/clock.ts";
import type { Claim } from "../broadcast/directory.ts";
import type { RefusalCode, StreamInfo } from "../shared/protocol.ts";
import type { SignaledStream } from "../signaling/socket.ts";
import type { ViewerSession } from "../signaling/watching.ts";
import type { Answer, Request } from "./messages.ts";
import type { Receiver } from "./passed-on.ts";

/** The other server refused a request. The message is a sentence for the viewer. */
export class RemoteError extends Error {
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A message about a viewer that needs no answer. */
export type ViewerMessage =
  | { readonly kind: "keyframe" | "leave"; readonly session: string }
  | { readonly kind: "latency"; readonly session: string; readonly milliseconds: number };

/** The server with the stream. */
export interface Peer extends Receiver {
  /** The URL by which other servers reach it. */
  readonly url: string;
  ask(request: Request): Promise<Answer>;
  tell(message: ViewerMessage): void;
  /** Takes the end of each viewer's session, by session. */
  readonly sessions: Map<string, (reason: string) => void>;
}

/** One stream of another server, as signaling needs it. */
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

  /** The stream's name. */
  get name(): string {
    return this.#info.name;
  }

  /** Whether it has a publisher, or had one. */
  get claim(): Claim {
    return this.#claim;
  }

  /** The status that its server announced last. */
  info(): StreamInfo {
    return this.#info;
  }

  /** Calls the listener when the stream's state changes. @returns stops that. */
  listen(listener: (info: StreamInfo) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes a new announcement. */
  update(info: StreamInfo, claim: Claim): void {
    const changed = JSON.stringify(info.state) !== JSON.stringify(this.#info.state);
    this.#info = info;
    this.#claim = claim;
    // Signaling sends the rest every second.
    if (changed) for (const listener of this.#listeners) listener(info);
  }

  /**
   * The clock of that server, which times the frames.
   * @throws {RemoteError} if it does not answer.
   */
  async clock(): Promise<EpochMs> {
    const { now = Number.NaN } = await this.#ask({ do: "clock" });
    return now as EpochMs;
  }

  /** Admits a viewer there. @throws {RemoteError} if the other server refuses. */
  async watch(offer: string, address: string, gone: (reason: string) => void): Promise<ViewerSession> {
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
      // The other server may have admitted the viewer, but answered too late.
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
