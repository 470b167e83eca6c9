/** ICE restarts of one connection: it goes on over another network, and the picture with it. */
import type { Reply, SessionAnswer } from "../../../src/signaling/protocol.ts";
import type { Cancel, Timers } from "../playback/timers.ts";
import { useIceServers } from "./ice.ts";

/** What an `RTCPeerConnection` has for it. */
export interface Restartable {
  readonly connectionState: RTCPeerConnectionState;
  restartIce(): void;
  setConfiguration(configuration: RTCConfiguration): void;
  createOffer(): Promise<RTCSessionDescriptionInit>;
  setLocalDescription(offer: RTCSessionDescriptionInit): Promise<void>;
  setRemoteDescription(answer: RTCSessionDescriptionInit): Promise<void>;
}

export interface RestartOptions {
  readonly timers: Timers;
  /** One that has been connected. */
  readonly connection: Restartable;
  /** Sends the offer and brings the answer. */
  readonly restart: (offer: string) => Promise<Reply<SessionAnswer>>;
  /** A new connection is needed. */
  readonly failed: () => void;
}

/** A change of network is told in several ways, and takes a moment. */
const SETTLED_AFTER = 500;
/** From one restart to the next; the server takes one a second. */
const RESTART_EVERY = 2000;
/** How long the answer may take, and then the connection. */
const DONE_WITHIN = 3000;

export class Restarts {
  readonly #options: RestartOptions;
  #stopSettling: Cancel | undefined;
  #stopExpecting: Cancel | undefined;
  #running = false;
  #startedAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: RestartOptions) {
    this.#options = options;
  }

  /** The network may have changed: restarts once that has settled. */
  networkChanged(): void {
    if (this.#closed) return;
    const { timers } = this.#options;
    const wait = Math.max(SETTLED_AFTER, this.#startedAt + RESTART_EVERY - timers.now());
    this.#stopSettling?.();
    this.#stopSettling = timers.after(wait, () => {
      if (this.#running) this.networkChanged();
      else void this.#restart();
    });
  }

  close(): void {
    this.#closed = true;
    this.#stopSettling?.();
    this.#stopExpecting?.();
  }

  async #restart(): Promise<void> {
    const { timers, connection, restart } = this.#options;
    this.#running = true;
    this.#startedAt = timers.now();
    this.#stopExpecting?.();
    try {
      connection.restartIce();
      const offer = await connection.createOffer();
      // No answer changes nothing: a connection that works goes on, and one that does not may again, as soon as anything
      // passes. A new one would have to be answered too.
      const reply = await restart(offer.sdp ?? "").catch(() => undefined);
      if (this.#closed) return;
      if (!reply) {
        if (connection.connectionState !== "connected") this.networkChanged();
        return;
      }
      if (!reply.ok) {
        this.#fail();
        return;
      }
      this.#expectConnection();
      // Not before there is an answer, as the browser now opens new ways in place of those it has.
      useIceServers(connection, reply.value);
      await connection.setLocalDescription(offer);
      await connection.setRemoteDescription({ type: "answer", sdp: reply.value.answer });
    } catch {
      // An answer that makes no sense.
      this.#fail();
    } finally {
      this.#running = false;
    }
  }

  #expectConnection(): void {
    const { timers, connection } = this.#options;
    this.#stopExpecting?.();
    this.#stopExpecting = timers.after(DONE_WITHIN, () => {
      if (connection.connectionState !== "connected") this.#fail();
    });
  }

  #fail(): void {
    if (this.#closed) return;
    this.close();
    this.#options.failed();
  }
}
