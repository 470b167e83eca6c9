/** Signaling: the protocol of `protocol.ts` over socket.io, as methods that return promises. */
import { io, type Socket } from "socket.io-client";
import type { Lease, LeaseEnd, Move, Operating } from "../../../src/shared/control.ts";
import type {
  ClientToServerEvents,
  RefusalCode,
  Reply,
  ServerToClientEvents,
  SessionAnswer,
  StreamInfo,
} from "../../../src/shared/protocol.ts";
import type { Refusal } from "../playback/playback.ts";
import { Backoff } from "./backoff.ts";
import type { SourceUrl } from "./source-url.ts";

/** Events from the server. */
export interface SignalingEvents {
  /** The socket is connected, for the first time or again. The server has forgotten all earlier requests. */
  connected(): void;
  /** The server cannot be reached. The socket reconnects by itself. */
  away(): void;
  /** A new description of the stream. */
  stream(info: StreamInfo): void;
  /** The server refuses the socket. The socket reconnects all the same. */
  refused(refusal: Refusal): void;
  /** The server is shutting down. */
  stopping(): void;
  /** The server has ended the WebRTC connection. */
  ended(): void;
  /** This page has the lease that it waited for. */
  lease(lease: Lease): void;
  /** The lease, or the wait for it, has ended. */
  leaseEnded(why: LeaseEnd): void;
}

/** Requests to the server. Every promise rejects if no answer arrives in time. */
export interface Signaling {
  /** Asks for the description of the stream, now and whenever it changes. */
  follow(stream: string): Promise<Reply<StreamInfo>>;
  /** Opens a WebRTC connection with an SDP offer. */
  watch(stream: string, offer: string): Promise<Reply<SessionAnswer>>;
  /** Restarts ICE on the WebRTC connection. */
  restart(offer: string): Promise<Reply<SessionAnswer>>;
  /** Requests a keyframe. */
  keyframe(): void;
  /** Reports the latency that this page measures, in milliseconds. */
  latency(milliseconds: number): void;
  /** Asks to control the stream. */
  operate(stream: string): Promise<Reply<Operating>>;
  /** Moves the camera. */
  control(move: Move): void;
  /** Gives back the lease, or stops waiting for it. */
  release(): void;
  /** The server's time, in milliseconds since the epoch. */
  clock(): Promise<number>;
  close(): void;
}

const ANSWER_TIMEOUT_MS = 5000;
const RECONNECT_DELAY_MS = 500;
const MAX_RECONNECT_DELAY_MS = 3000;

/** Opens the socket, and reconnects until it is closed. */
export function openSignaling(source: SourceUrl, events: SignalingEvents, token?: string): Signaling {
  const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(source.origin, {
    path: `${source.prefix}/socket.io`,
    // WebSocket first: it saves two round trips before the first picture.
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    forceNew: true,
    auth: token === undefined ? {} : { token },
    reconnectionDelay: RECONNECT_DELAY_MS,
    reconnectionDelayMax: MAX_RECONNECT_DELAY_MS,
    randomizationFactor: 0.5,
  });
  let reconnect: ReturnType<typeof setTimeout> | undefined;
  const refusedBackoff = new Backoff({ first: 2000, max: 60_000, random: Math.random });
  socket.on("connect", () => {
    refusedBackoff.reset();
    events.connected();
  });
  socket.on("connect_error", (error) => {
    const refusal = refusalIn(error);
    if (!refusal) return events.away();
    // socket.io would ask again every three seconds. The server may restart with other options, but not that soon.
    socket.disconnect();
    clearTimeout(reconnect);
    reconnect = setTimeout(() => socket.connect(), refusedBackoff.next());
    events.refused(refusal);
  });
  socket.on("disconnect", (reason) => {
    events.away();
    // socket.io does not reconnect in this case, but a server that shuts down may come back.
    if (reason === "io server disconnect") reconnect = setTimeout(() => socket.connect(), RECONNECT_DELAY_MS);
  });
  socket.on("stream", events.stream);
  socket.on("ended", () => events.ended());
  socket.on("lease", events.lease);
  socket.on("leaseEnded", events.leaseEnded);
  socket.on("stopping", () => events.stopping());

  const requests = socket.timeout(ANSWER_TIMEOUT_MS);
  return {
    follow: (stream) => requests.emitWithAck("follow", stream),
    watch: (stream, offer) => requests.emitWithAck("watch", { stream, offer }),
    restart: (offer) => requests.emitWithAck("restart", { offer }),
    keyframe: () => void socket.emit("keyframe"),
    latency: (milliseconds) => void socket.emit("latency", milliseconds),
    operate: (stream) => requests.emitWithAck("operate", stream),
    // socket.io would keep them for a server that is away, which ends the lease.
    control: (move) => void (socket.connected && socket.emit("control", move)),
    release: () => void (socket.connected && socket.emit("release")),
    clock: () => requests.emitWithAck("clock"),
    close() {
      clearTimeout(reconnect);
      socket.off();
      socket.disconnect();
    },
  };
}

/**
 * Reads why the server does not let this page in; undefined if the connect failed for another reason. Only polling
 * requests have an answer that a page can read.
 */
function refusalIn(error: Error & { readonly context?: unknown }): Refusal | undefined {
  if (!(error.context instanceof XMLHttpRequest)) return undefined;
  const data = parsed(error.context.responseText);
  if (typeof data !== "object" || data === null || !("code" in data) || !("message" in data))
    return undefined;
  const { code, message } = data;
  if (typeof code !== "string" || typeof message !== "string") return undefined;
  return { code: code as RefusalCode, message };
}

/** Undefined where it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
