/** ICE restarts (RFC 8445, section 9) of one connection: it continues over another network, without a break in the video. */
import type { Reply, SessionAnswer } from "../../../src/shared/protocol.ts";
import type { Cancel, Timers } from "../playback/timers.ts";
import { useIceServers } from "./ice.ts";

/** The part of an `RTCPeerConnection` that a restart needs. */
export interface Restartable {
  readonly connectionState: RTCPeerConnectionState;
  restartIce(): void;
  setConfiguration(configuration: RTCConfiguration): void;
  createOffer(): Promise<RTCSessionDescriptionInit>;
  setLocalDescription(offer: RTCSessionDescriptionInit): Promise<void>;
  setRemoteDescription(answer: RTCSessionDescriptionInit): Promise<void>;
}

/** What the restarts need. */
export interface RestartOptions {
  readonly timers: Timers;
  /** A connection that was connected before. */
  readonly connection: Restartable;
  /** Sends the offer and resolves with the answer. */
  readonly restart: (offer: string) => Promise<Reply<SessionAnswer>>;
  /** Called when a restart has failed and a new connection is needed. */
  readonly failed: () => void;
}

/** A change of network takes a moment, and causes several events. */
const SETTLE_TIME_MS = 500;
/** Between two restarts; the server accepts one per second. */
const MIN_RESTART_INTERVAL_MS = 2000;
/** How long the connection may take after the answer. */
const CONNECT_TIMEOUT_MS = 3000;

/** Restarts ICE when the network has changed. */
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

  /** The network may have changed: restarts ICE once it has settled. */
  networkChanged(): void {
    if (this.#closed) return;
    const { timers } = this.#options;
    const wait = Math.max(SETTLE_TIME_MS, this.#startedAt + MIN_RESTART_INTERVAL_MS - timers.now());
    this.#stopSettling?.();
    this.#stopSettling = timers.after(wait, () => {
      if (this.#running) this.networkChanged();
      else void this.#restart();
    });
  }

  /** Stops all timers; no restart follows. */
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
      // Without an answer nothing has changed: the old connection may still work, or recover. A new connection would need
      // an answer too.
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
      // Only after the answer: the browser replaces the working candidates now.
      useIceServers(connection, reply.value);
      await connection.setLocalDescription(offer);
      await connection.setRemoteDescription({ type: "answer", sdp: reply.value.answer });
    } catch {
      // The answer is invalid.
      this.#fail();
    } finally {
      this.#running = false;
    }
  }

  #expectConnection(): void {
    const { timers, connection } = this.#options;
    this.#stopExpecting?.();
    this.#stopExpecting = timers.after(CONNECT_TIMEOUT_MS, () => {
      if (connection.connectionState !== "connected") this.#fail();
    });
  }

  #fail(): void {
    if (this.#closed) return;
    this.close();
    this.#options.failed();
  }
}
