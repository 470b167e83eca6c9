/**
 * Limits what one engine.io connection may send, and what it may leave unread. socket.io itself has no such limits: it makes a
 * socket for every CONNECT packet and answers every ping frame.
 */
import { type ServerOptions, WebSocketServer } from "ws";
import type { Clock, Millis } from "../base/clock.ts";

/** The WebSocket of a connection, as `ws` has it. */
export interface RawWebSocket {
  /** Bytes that wait to be sent. */
  readonly bufferedAmount: number;
  on(event: "ping" | "pong", listener: () => void): unknown;
  /** Closes the TCP connection and drops what waits to be sent. */
  terminate(): void;
}

/** A packet of engine.io; that of socket.io is in its text. */
export interface RawPacket {
  readonly type: string;
  readonly data?: unknown;
}

/** What carries a connection: polling, which has no socket, or a WebSocket. */
export interface RawTransport {
  readonly socket?: RawWebSocket;
}

/** An engine.io connection, below socket.io's sockets. */
export interface RawConnection {
  readonly transport: RawTransport;
  /** Packets that wait to be sent. */
  readonly writeBuffer: readonly RawPacket[];
  on(event: "packet", listener: (packet: RawPacket) => void): unknown;
  /** @param discard drops what is not sent yet. */
  close(discard: boolean): void;
}

const WINDOW: Millis = 10_000;

/** More packets than a page's request limit and its pongs. */
const MAX_PACKETS = 150;

/** Messages that control a stream, which a page sends 30 times a second. Only short ones: they are cheap to read. */
const MAX_CONTROL_PACKETS = 450;
const MAX_CONTROL_LENGTH = 512;
const CONTROL = '2["control",';

/** Browsers send control frames only to answer those of the server, which sends none. */
const MAX_CONTROL_FRAMES = 150;

/** Far above what a page leaves unread while its network stalls. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** A CONNECT packet of socket.io (protocol 5), for the main namespace: the only one there is, and once. */
const CONNECT = "0";
const OTHER_NAMESPACE = /^[0-9]+-?\/./;

type Upgrade = Parameters<WebSocketServer["handleUpgrade"]>;

/**
 * Makes the `wsEngine` of engine.io. Its own `ws` is older, and keeps pongs without end for a client that reads none.
 * @returns a server that limits each WebSocket from its start: engine.io has no connection for it before an upgrade ends.
 */
export function limitedWebSockets(clock: Clock): new (options: ServerOptions) => WebSocketServer {
  return class extends WebSocketServer {
    override handleUpgrade(...[request, socket, head, opened]: Upgrade): void {
      super.handleUpgrade(request, socket, head, (webSocket, of) => {
        limitControlFrames(webSocket, clock);
        opened(webSocket, of);
      });
    }
  };
}

function limitControlFrames(webSocket: RawWebSocket, clock: Clock): void {
  const isTooMany = counter(clock, MAX_CONTROL_FRAMES);
  const count = () => {
    if (isTooMany()) webSocket.terminate();
  };
  webSocket.on("ping", count);
  webSocket.on("pong", count);
}

/** Closes the connection if it exceeds a limit. */
export function limitPackets(connection: RawConnection, clock: Clock): void {
  const isTooMany = counter(clock, MAX_PACKETS);
  const isTooMuchControl = counter(clock, MAX_CONTROL_PACKETS);
  let hasConnected = false;
  connection.on("packet", ({ type, data }) => {
    if ((isControl(data) ? isTooMuchControl() : isTooMany()) || unreadBytes(connection) > MAX_UNREAD_BYTES)
      drop(connection);
    if (type !== "message" || typeof data !== "string") return;
    const isConnect = data.startsWith(CONNECT);
    if (OTHER_NAMESPACE.test(data) || (isConnect && hasConnected)) drop(connection);
    hasConnected ||= isConnect;
  });
}

function isControl(data: unknown): boolean {
  return typeof data === "string" && data.length <= MAX_CONTROL_LENGTH && data.startsWith(CONTROL);
}

/** @returns counts one, and says whether the window has more than `limit`. */
function counter(clock: Clock, limit: number): () => boolean {
  let began = clock.now();
  let counted = 0;
  return () => {
    const now = clock.now();
    if (now - began >= WINDOW) {
      began = now;
      counted = 0;
    }
    return ++counted > limit;
  };
}

function unreadBytes({ transport, writeBuffer }: RawConnection): number {
  const waiting = writeBuffer.reduce(
    (sum, { data }) => sum + (typeof data === "string" ? data.length : 0),
    0,
  );
  return waiting + (transport.socket?.bufferedAmount ?? 0);
}

function drop(connection: RawConnection): void {
  connection.transport.socket?.terminate();
  connection.close(true);
}
