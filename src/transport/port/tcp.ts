/**
 * Passive ICE-TCP (RFC 6544), for viewers whose network blocks UDP. Each datagram in the stream follows its length in 2 bytes
 * (RFC 4571, section 2).
 */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { Clock, Millis } from "../../base/clock.ts";
import type { Route } from "../io/route.ts";

/** A connection without an authentic check by then is closed. */
const PROOF_TIMEOUT: Millis = 5000;

/** How long a connection may take to send its last data after its viewer left. */
const END_TIMEOUT: Millis = 1000;

/**
 * Above either limit the oldest unproved connection is closed. A flood cannot shut viewers out, because they send a check
 * at once.
 */
const MAX_CONNECTIONS = 320;
const MAX_UNPROVED = 240;

/** Room for connections that close: where the listener itself refuses one, it refuses viewers too. */
const CLOSING_CONNECTIONS = 256;

/** Bytes that may wait for a slow network: a few frames. Above this new datagrams are dropped, and requested again. */
const MAX_QUEUED_BYTES = 256 * 1024;

/** Connections of one address: the viewers that it may have, times a few routes each. */
const MAX_PER_ADDRESS = 64;

const LENGTH_BYTES = 2;
const MAX_DATAGRAM = 2048;

/** What a listener passes on. None of these may throw. */
export interface TcpEvents {
  /** @returns whether the datagram belongs to a viewer. */
  message(datagram: Buffer, key: string, routeOf: () => Route): boolean;
  closed(key: string): void;
}

/** What a listener is opened with. */
export interface TcpOptions {
  readonly clock: Clock;
  /** Undefined listens on every address of this machine, IPv6 included if it has any. */
  readonly host: string | undefined;
  readonly port: number;
  readonly on: TcpEvents;
}

/** Accepts viewers over TCP, on the same port number as UDP. */
export class TcpListener {
  readonly #options: TcpOptions;
  readonly #server: Server;
  readonly #connections = new Map<string, Socket>();
  /** Oldest first. */
  readonly #unproved = new Set<Socket>();
  #dropped = 0;

  private constructor(options: TcpOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server.maxConnections = MAX_CONNECTIONS + CLOSING_CONNECTIONS;
  }

  /** @throws the system's error if it cannot listen. */
  static async open(options: TcpOptions): Promise<TcpListener> {
    const listener = new TcpListener(options);
    const listening = once(listener.#server, "listening");
    listener.#server.listen(options.port, options.host);
    await listening;
    // For example too many open files: this connection fails, the next may succeed.
    listener.#server.on("error", () => {});
    return listener;
  }

  /** Datagrams dropped because a connection was too slow. */
  get dropped(): number {
    return this.#dropped;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#connections.values()) socket.destroy();
  }

  /** Closes the connection of a viewer that left, after the data queued for it. Ignores keys of other routes. */
  end(key: string): void {
    const socket = this.#connections.get(key);
    if (!socket) return;
    setImmediate(() => socket.destroySoon());
    // A peer that reads nothing would keep it open forever.
    this.#options.clock.after(END_TIMEOUT, () => socket.destroy());
  }

  #accept(socket: Socket): void {
    const { clock, on } = this.#options;
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined || remotePort === undefined) {
      // The peer is gone already.
      socket.destroy();
      return;
    }
    const key = keyOf(socket);
    const route = this.#routeOf(socket, { ip: remoteAddress.replace(/^::ffff:/, ""), port: remotePort });
    const stopWaiting = clock.after(PROOF_TIMEOUT, () => {
      if (this.#unproved.has(socket)) socket.destroy();
    });
    this.#connections.set(key, socket);
    this.#unproved.add(socket);
    const [oldest] = this.#unproved;
    if (oldest && (this.#unproved.size > MAX_UNPROVED || this.#connections.size > MAX_CONNECTIONS)) {
      this.#unproved.delete(oldest);
      // Its `close` event comes later: it must not count until then.
      this.#connections.delete(keyOf(oldest));
      oldest.destroy();
    }
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      stopWaiting();
      this.#connections.delete(key);
      this.#unproved.delete(socket);
      on.closed(key);
    });
    let rest: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      while (rest.length >= LENGTH_BYTES) {
        const end = LENGTH_BYTES + rest.readUInt16BE(0);
        if (end > LENGTH_BYTES + MAX_DATAGRAM) socket.destroy();
        if (rest.length < end || socket.destroyed) return;
        if (on.message(rest.subarray(LENGTH_BYTES, end), key, () => route)) this.#prove(socket);
        // The first datagram must be an authentic check.
        else if (this.#unproved.has(socket)) socket.destroy();
        rest = rest.subarray(end);
      }
    });
  }

  /** Marks the connection as a viewer's, within the limit of its address. */
  #prove(socket: Socket): void {
    if (!this.#unproved.delete(socket)) return;
    const isOfSameAddress = (other: Socket) =>
      other.remoteAddress === socket.remoteAddress && !this.#unproved.has(other);
    const held = [...this.#connections.values()].filter(isOfSameAddress).length;
    if (held > MAX_PER_ADDRESS) socket.destroy();
  }

  #routeOf(socket: Socket, address: Route["address"]): Route {
    const send = (datagram: Buffer) => {
      if (socket.destroyed) return;
      if (socket.writableLength > MAX_QUEUED_BYTES) {
        this.#dropped++;
        return;
      }
      const framed = Buffer.allocUnsafe(LENGTH_BYTES + datagram.length);
      framed.writeUInt16BE(datagram.length);
      datagram.copy(framed, LENGTH_BYTES);
      socket.write(framed);
    };
    return {
      address,
      protocol: "tcp",
      send,
      sendMedia: (sealer, header, payload, index) => send(sealer.seal(header, payload, index)),
    };
  }
}

/** Names a connection among all routes. */
function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `tcp ${remoteAddress} ${remotePort}`;
}
