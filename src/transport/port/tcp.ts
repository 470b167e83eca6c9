/**
 * ICE over TCP (RFC 6544), passive: for viewers whose network lets no UDP through. Datagrams follow each other in the
 * stream, each behind its length in 2 bytes (RFC 4571, section 2).
 */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { Clock, Millis } from "../../base/clock.ts";
import type { Route } from "../io/route.ts";

/** A connection that has not proved to be a viewer's by then is closed. */
const PROVE_WITHIN: Millis = 5000;

/** One whose viewer is gone is closed by then, whatever still waits to be sent. */
const END_WITHIN: Millis = 1000;

const MAX_CONNECTIONS = 320;

/** Beyond it the oldest make place: so a flood of them shuts no viewer out, who proves to be one at once. */
const MAX_UNPROVED = 240;

/** What may wait for a slow network: some frames. Beyond it the newest is dropped, and asked for again. */
const MAX_QUEUED = 256 * 1024;

/** Of one address: as many viewers as it may have, by a few ways each. */
const MAX_OF_ADDRESS = 64;

const LENGTH = 2;
const MAX_DATAGRAM = 2048;

export interface TcpEvents {
  /** @returns whether the datagram was a viewer's. */
  message(datagram: Buffer, key: string, routeOf: () => Route): boolean;
  closed(key: string): void;
}

export interface TcpOptions {
  readonly clock: Clock;
  /** Undefined for every address of this machine, with IPv6 where it has that. */
  readonly host: string | undefined;
  readonly port: number;
  readonly on: TcpEvents;
}

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
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** @throws the system's error where it cannot listen. */
  static async open(options: TcpOptions): Promise<TcpListener> {
    const listener = new TcpListener(options);
    const listening = once(listener.#server, "listening");
    listener.#server.listen(options.port, options.host);
    await listening;
    // Such as too many open files: the connection is not made, and the next may be.
    listener.#server.on("error", () => {});
    return listener;
  }

  /** Datagrams that a slow network had no room for. */
  get dropped(): number {
    return this.#dropped;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#connections.values()) socket.destroy();
  }

  /** Ends a connection whose viewer is gone, behind what is still to be said to it. Other keys it does not know. */
  end(key: string): void {
    const socket = this.#connections.get(key);
    if (!socket) return;
    setImmediate(() => socket.destroySoon());
    // One that takes nothing in would never be done.
    this.#options.clock.after(END_WITHIN, () => socket.destroy());
  }

  #accept(socket: Socket): void {
    const { clock, on } = this.#options;
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined || remotePort === undefined) {
      // It is gone already.
      socket.destroy();
      return;
    }
    const key = `tcp ${remoteAddress} ${remotePort}`;
    const route = this.#routeOf(socket, { ip: remoteAddress.replace(/^::ffff:/, ""), port: remotePort });
    const stopWaiting = clock.after(PROVE_WITHIN, () => {
      if (this.#unproved.has(socket)) socket.destroy();
    });
    this.#connections.set(key, socket);
    this.#unproved.add(socket);
    const [oldest] = this.#unproved;
    if (oldest && this.#unproved.size > MAX_UNPROVED) {
      this.#unproved.delete(oldest);
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
      while (rest.length >= LENGTH) {
        const end = LENGTH + rest.readUInt16BE(0);
        if (end > LENGTH + MAX_DATAGRAM) socket.destroy();
        if (rest.length < end || socket.destroyed) return;
        if (on.message(rest.subarray(LENGTH, end), key, () => route)) this.#prove(socket);
        // The first datagram has to be an authentic check.
        else if (this.#unproved.has(socket)) socket.destroy();
        rest = rest.subarray(end);
      }
    });
  }

  /** A viewer's check opens a way; one address has only so many of all. */
  #prove(socket: Socket): void {
    if (!this.#unproved.delete(socket)) return;
    const isAlike = (other: Socket) =>
      other.remoteAddress === socket.remoteAddress && !this.#unproved.has(other);
    const held = [...this.#connections.values()].filter(isAlike).length;
    if (held > MAX_OF_ADDRESS) socket.destroy();
  }

  #routeOf(socket: Socket, address: Route["address"]): Route {
    const send = (datagram: Buffer) => {
      if (socket.destroyed) return;
      if (socket.writableLength > MAX_QUEUED) {
        this.#dropped++;
        return;
      }
      const framed = Buffer.allocUnsafe(LENGTH + datagram.length);
      framed.writeUInt16BE(datagram.length);
      datagram.copy(framed, LENGTH);
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
