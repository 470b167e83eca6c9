/** Encrypts and sends media in plain Node. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Address } from "../../network/address.ts";
import { NodeSealer } from "../rtp/srtp.ts";
import { type MediaIo, type MediaSocket, RECEIVE_BUFFER, SEND_BUFFER, type SocketOptions } from "./io.ts";
import type { Route } from "./route.ts";

/** The implementation for any machine. */
export const plainIo: MediaIo = {
  name: "plain",
  sealerOf: (keys) => new NodeSealer(keys),
  async bind(options) {
    const socket = newSocket(options.family);
    await listening(socket, () =>
      socket.bind({ port: options.port, address: options.host, exclusive: true }),
    );
    socket.setSendBufferSize(SEND_BUFFER);
    socket.setRecvBufferSize(RECEIVE_BUFFER);
    return new PlainSocket(socket);
  },
};

/** Creates a UDP socket without DNS lookup, which would delay each datagram by a turn of the event loop. */
export function newSocket(family: SocketOptions["family"]): Socket {
  return createSocket({
    type: family === 6 ? "udp6" : "udp4",
    ipv6Only: family === 6,
    lookup: (address, _options, done) => done(null, address, family),
  });
}

/** Calls `bind` and waits until the socket listens. The event may fire before `bind` returns. */
export async function listening(socket: Socket, bind: () => void): Promise<void> {
  const bound = once(socket, "listening");
  bind();
  await bound;
}

class PlainSocket implements MediaSocket {
  readonly socket: Socket;
  readonly fd = undefined;
  #dropped = 0;
  #closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  get dropped(): number {
    return this.#dropped;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.socket.close();
  }

  wayTo({ ip, port }: Address): Pick<Route, "send" | "sendMedia"> {
    // Errors need no other handling: an unreachable viewer runs into its timeout.
    const sent = (error: Error | null) => {
      if (error) this.#dropped++;
    };
    return {
      send: (datagram) => {
        if (!this.#closed) this.socket.send(datagram, port, ip, sent);
      },
      sendMedia: (sealer, header, payload, index) => {
        if (this.#closed) return;
        if (this.socket.getSendQueueSize() > SEND_BUFFER) this.#dropped++;
        else this.socket.send(sealer.seal(header, payload, index), port, ip, sent);
      },
    };
  }
}
