/** The server's end of the wire: `src/signaling/protocol.ts` over socket.io, as calls that return promises. */
import { io, type Socket } from "socket.io-client";
import type {
  ClientToServerEvents,
  Reply,
  ServerToClientEvents,
  SessionAnswer,
  StreamInfo,
} from "../../src/signaling/protocol.ts";
import type { SourceUrl } from "./source-url.ts";

/** What comes from the server by itself. */
export interface SignalingEvents {
  /** The server is there, at first or again. It knows nothing of what was asked before. */
  connected(): void;
  /** The server is not there, or not any more. It is tried again without being asked. */
  away(): void;
  stream(info: StreamInfo): void;
  /** The server has ended the connection by WebRTC. */
  ended(): void;
}

/** How a connection by WebRTC comes to be, and moves to another network: an SDP offer is sent, and brings an answer. */
export interface Offers {
  watch(offer: string): Promise<Reply<SessionAnswer>>;
  /** For an offer that restarts the ICE of what is watched. */
  restart(offer: string): Promise<Reply<SessionAnswer>>;
}

/** What can be asked of the server. Every promise rejects where no answer came in time. */
export interface Signaling {
  follow(stream: string): Promise<Reply<StreamInfo>>;
  watch(stream: string, offer: string): Promise<Reply<SessionAnswer>>;
  restart(offer: string): Promise<Reply<SessionAnswer>>;
  leave(): void;
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
  socket.on("connect", events.connected);
  socket.on("connect_error", events.away);
  socket.on("disconnect", (reason) => {
    events.away();
    // The one case that socket.io takes for final. A server that shuts down may well come back.
    if (reason === "io server disconnect") reconnect = setTimeout(() => socket.connect(), RECONNECT_AFTER);
  });
  socket.on("stream", events.stream);
  socket.on("ended", () => events.ended());

  const asked = socket.timeout(ANSWER_WITHIN);
  return {
    follow: (stream) => asked.emitWithAck("follow", stream),
    watch: (stream, offer) => asked.emitWithAck("watch", { stream, offer }),
    restart: (offer) => asked.emitWithAck("restart", { offer }),
    leave: () => void socket.emit("leave"),
    clock: () => asked.emitWithAck("clock"),
    close() {
      clearTimeout(reconnect);
      socket.off();
      socket.disconnect();
    },
  };
}
