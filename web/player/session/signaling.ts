/** The server's end of the wire: `src/signaling/protocol.ts` over socket.io, as calls that return promises. */
import { io, type Socket } from "socket.io-client";
import type {
  ClientToServerEvents,
  RefusalCode,
  Reply,
  ServerToClientEvents,
  SessionAnswer,
  StreamInfo,
} from "../../../src/signaling/protocol.ts";
import type { Refusal } from "../playback/playback.ts";
import { Backoff } from "./backoff.ts";
import type { SourceUrl } from "./source-url.ts";

/** What comes from the server by itself. */
export interface SignalingEvents {
  /** The server is there, at first or again. It knows nothing of what was asked before. */
  connected(): void;
  /** The server is not there, or not any more. It is tried again without being asked. */
  away(): void;
  stream(info: StreamInfo): void;
  /** The server does not let this page in; it is asked again all the same. */
  refused(refusal: Refusal): void;
  /** The server was told to stop: it goes away next. */
  stopping(): void;
  /** The server has ended the connection by WebRTC. */
  ended(): void;
}

/** What can be asked of the server. Every promise rejects where no answer came in time. */
export interface Signaling {
  follow(stream: string): Promise<Reply<StreamInfo>>;
  watch(stream: string, offer: string): Promise<Reply<SessionAnswer>>;
  restart(offer: string): Promise<Reply<SessionAnswer>>;
  keyframe(): void;
  /** What is measured here, in milliseconds. */
  latency(milliseconds: number): void;
  /** The server's time. */
  clock(): Promise<number>;
  close(): void;
}

const ANSWER_WITHIN = 5000;
const RECONNECT_AFTER = 500;

/** Opens the socket, and keeps opening it until closed. */
export function openSignaling(source: SourceUrl, events: SignalingEvents, token?: string): Signaling {
  const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(source.origin, {
    path: `${source.prefix}/socket.io`,
    // Straight to the WebSocket: it saves two round trips before the first picture.
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    forceNew: true,
    auth: token === undefined ? {} : { token },
    reconnectionDelay: RECONNECT_AFTER,
    reconnectionDelayMax: 3000,
    randomizationFactor: 0.5,
  });
  let reconnect: ReturnType<typeof setTimeout> | undefined;
  const again = new Backoff({ first: 2000, max: 60_000, random: Math.random });
  socket.on("connect", () => {
    again.reset();
    events.connected();
  });
  socket.on("connect_error", (error: Error & { readonly data?: unknown }) => {
    const refusal = readRefusal(error.data);
    if (!refusal) return events.away();
    // For socket.io that is final. But the server may be started anew, with another word.
    clearTimeout(reconnect);
    reconnect = setTimeout(() => socket.connect(), again.next());
    events.refused(refusal);
  });
  socket.on("disconnect", (reason) => {
    events.away();
    // The one case that socket.io takes for final. A server that shuts down may well come back.
    if (reason === "io server disconnect") reconnect = setTimeout(() => socket.connect(), RECONNECT_AFTER);
  });
  socket.on("stream", events.stream);
  socket.on("ended", () => events.ended());
  socket.on("stopping", () => events.stopping());

  const asked = socket.timeout(ANSWER_WITHIN);
  return {
    follow: (stream) => asked.emitWithAck("follow", stream),
    watch: (stream, offer) => asked.emitWithAck("watch", { stream, offer }),
    restart: (offer) => asked.emitWithAck("restart", { offer }),
    keyframe: () => void socket.emit("keyframe"),
    latency: (milliseconds) => void socket.emit("latency", milliseconds),
    clock: () => asked.emitWithAck("clock"),
    close() {
      clearTimeout(reconnect);
      socket.off();
      socket.disconnect();
    },
  };
}

/** What the server hands to a page that it does not let in. */
function readRefusal(data: unknown): Refusal | undefined {
  if (typeof data !== "object" || data === null || !("code" in data) || !("message" in data))
    return undefined;
  const { code, message } = data;
  if (typeof code !== "string" || typeof message !== "string") return undefined;
  return { code: code as RefusalCode, message };
}
