/** The way to a STUN or TURN server: UDP, TCP or TLS, as its URL says (RFC 7064, RFC 7065). */
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { connect, isIPv6 } from "node:net";
import { connect as connectTls } from "node:tls";
import { RECEIVE_BUFFER, SEND_BUFFER } from "../io/io.ts";
import { listening, newSocket } from "../io/plain.ts";

export interface TurnServer {
  readonly host: string;
  readonly port: number;
  readonly by: "udp" | "tcp" | "tls";
}

export interface TurnConnection {
  /** Of UDP; 0 for others. */
  readonly localPort: number;
  /** Drops it where the way is jammed or closed. */
  send(message: Buffer): void;
  close(): void;
}

export interface TurnConnectionEvents {
  /** A STUN message or ChannelData, whole. */
  message(message: Buffer): void;
  /** It is lost; not after {@link TurnConnection.close}. */
  lost(why: string): void;
}

/** What may wait for a slow network: some frames. */
const MAX_QUEUED = 256 * 1024;

/** @param url one that the configuration takes. */
export function readServerUrl(url: string): TurnServer {
  const [, scheme = "", bracketed, plain, port, transport] =
    /^(stuns?|turns?):(?:\[([^\]]*)\]|([^:?]*))(?::(\d+))?(?:\?transport=(\w+))?$/i.exec(url) ?? [];
  const secure = scheme.toLowerCase().endsWith("s");
  const by = secure ? "tls" : transport?.toLowerCase() === "tcp" ? "tcp" : "udp";
  return { host: bracketed ?? plain ?? "", port: Number(port ?? (secure ? 5349 : 3478)), by };
}

export interface TurnConnectionOptions {
  /** Of UDP; 0 takes a free one. */
  readonly localPort: number;
  /** Milliseconds for a stream to be connected. */
  readonly within: number;
}

/** @throws where the server cannot be found or reached in time; UDP does not tell. */
export async function openTurnConnection(
  server: TurnServer,
  on: TurnConnectionEvents,
  { localPort, within }: TurnConnectionOptions,
): Promise<TurnConnection> {
  const { address } = await lookup(server.host);
  return server.by === "udp"
    ? openDatagrams(address, server.port, on, localPort)
    : openStream(address, server, on, within);
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
  // Such as an unreachable network: the server's silence tells.
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
  within: number,
): Promise<TurnConnection> {
  const socket =
    by === "tls"
      ? connectTls({ host: ip, port, ...(isIPv6(host) || /^[\d.]+$/.test(host) ? {} : { servername: host }) })
      : connect({ host: ip, port, noDelay: true });
  const late = setTimeout(() => socket.destroy(new Error("no answer")), within);
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
      if (!closed && socket.writableLength <= MAX_QUEUED)
        socket.write(message.length % 4 === 0 ? message : padded(message));
    },
    close() {
      closed = true;
      socket.destroy();
    },
  };
}

/** In a stream ChannelData is padded to 4 bytes (RFC 8656, section 12.5); STUN messages are by themselves. */
function sizeOf(start: Buffer): { length: number; padded: number } {
  const isStun = (start[0] ?? 0) < 0x40;
  const length = (isStun ? 20 : 4) + start.readUInt16BE(2);
  return { length, padded: Math.ceil(length / 4) * 4 };
}

function padded(message: Buffer): Buffer {
  return Buffer.concat([message, Buffer.alloc(-message.length & 3)]);
}
