/** A connection to a STUN or TURN server over UDP, TCP or TLS, as its URL says (RFC 7064, RFC 7065). */
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { connect, isIPv6 } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Millis } from "../../base/clock.ts";
import { RECEIVE_BUFFER, SEND_BUFFER } from "../io/io.ts";
import { listening, newSocket } from "../io/plain.ts";

/** The address and transport of a server. */
export interface TurnServer {
  readonly host: string;
  readonly port: number;
  readonly by: "udp" | "tcp" | "tls";
}

/** An open connection. */
export interface TurnConnection {
  /** The local UDP port; 0 for TCP and TLS. */
  readonly localPort: number;
  /** Drops the message if the connection is congested or closed. */
  send(message: Buffer): void;
  close(): void;
}

/** What a connection passes on. */
export interface TurnConnectionEvents {
  /** A whole STUN message or ChannelData message. */
  message(message: Buffer): void;
  /** The connection is lost; not called after {@link TurnConnection.close}. */
  lost(why: string): void;
}

/** Bytes that may wait for a slow network: a few frames. */
const MAX_QUEUED_BYTES = 256 * 1024;

/**
 * Reads the URL of a server.
 * @param url a valid `stun:`, `stuns:`, `turn:` or `turns:` URL.
 */
export function readServerUrl(url: string): TurnServer {
  const [, scheme = "", bracketed, plain, port, transport] =
    /^(stuns?|turns?):(?:\[([^\]]*)\]|([^:?]*))(?::(\d+))?(?:\?transport=(\w+))?$/i.exec(url) ?? [];
  const secure = scheme.toLowerCase().endsWith("s");
  const by = secure ? "tls" : transport?.toLowerCase() === "tcp" ? "tcp" : "udp";
  return { host: bracketed ?? plain ?? "", port: Number(port ?? (secure ? 5349 : 3478)), by };
}

/** How to connect. */
export interface TurnConnectionOptions {
  /** The local UDP port; 0 takes a free one. */
  readonly localPort: number;
  /** How long TCP and TLS may take to connect. */
  readonly timeout: Millis;
}

/**
 * Connects to a server.
 * @throws if the name cannot be resolved, or TCP or TLS does not connect in time.
 */
export async function openTurnConnection(
  server: TurnServer,
  on: TurnConnectionEvents,
  { localPort, timeout }: TurnConnectionOptions,
): Promise<TurnConnection> {
  const { address } = await lookup(server.host);
  return server.by === "udp"
    ? openDatagrams(address, server.port, on, localPort)
    : openStream(address, server, on, timeout);
}

async function openDatagrams(
  ip: string,
  port: number,
  on: TurnConnectionEvents,
  localPort: number,
): Promise<TurnConnection> {
  const socket = newSocket(isIPv6(ip) ? 6 : 4);
  let closed = false;
  await listening(socket, () => socket.bind(localPort));
  socket.setSendBufferSize(SEND_BUFFER);
  socket.setRecvBufferSize(RECEIVE_BUFFER);
  socket.on("message", (datagram, from) => {
    if (from.port === port && from.address === ip) on.message(datagram);
  });
  // For example an unreachable network. The client's timeout covers it.
  socket.on("error", () => {});
  return {
    localPort: socket.address().port,
    send(message) {
      if (!closed && socket.getSendQueueSize() <= SEND_BUFFER) socket.send(message, port, ip, () => {});
    },
    close() {
      if (!closed) socket.close();
      closed = true;
    },
  };
}

async function openStream(
  ip: string,
  { host, port, by }: TurnServer,
  on: TurnConnectionEvents,
  timeout: Millis,
): Promise<TurnConnection> {
  const socket =
    by === "tls"
      ? connectTls({ host: ip, port, ...(isIPv6(host) || /^[\d.]+$/.test(host) ? {} : { servername: host }) })
      : connect({ host: ip, port, noDelay: true });
  const late = setTimeout(() => socket.destroy(new Error("no answer")), timeout);
  try {
    await once(socket, by === "tls" ? "secureConnect" : "connect");
  } finally {
    clearTimeout(late);
  }
  let closed = false;
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4) {
      const { length, padded } = sizeOf(rest);
      if (rest.length < padded) return;
      on.message(rest.subarray(0, length));
      rest = rest.subarray(padded);
    }
  });
  const end = (why: string) => {
    if (closed) return;
    closed = true;
    socket.destroy();
    on.lost(why);
  };
  socket.on("error", ({ message }) => end(message));
  socket.on("close", () => end("the connection was closed"));
  return {
    localPort: 0,
    send(message) {
      if (!closed && socket.writableLength <= MAX_QUEUED_BYTES)
        socket.write(message.length % 4 === 0 ? message : padded(message));
    },
    close() {
      closed = true;
      socket.destroy();
    },
  };
}

/** In a stream ChannelData is padded to 4 bytes (RFC 8656, section 12.5); STUN messages have multiples of 4 anyway. */
function sizeOf(start: Buffer): { length: number; padded: number } {
  const isStun = (start[0] ?? 0) < 0x40;
  const length = (isStun ? 20 : 4) + start.readUInt16BE(2);
  return { length, padded: Math.ceil(length / 4) * 4 };
}

function padded(message: Buffer): Buffer {
  return Buffer.concat([message, Buffer.alloc(-message.length & 3)]);
}
