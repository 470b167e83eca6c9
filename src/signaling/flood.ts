/** A bound on what one connection may send: socket.io makes a socket of each CONNECT that it reads, however many come. */
import type { Clock, Millis } from "../base/clock.ts";

/** A connection below socket.io's sockets, as engine.io has it. */
export interface RawConnection {
  on(event: "packet", listener: () => void): unknown;
  /** @param discard leaves what is still to be sent. */
  close(discard: boolean): void;
}

const WINDOW: Millis = 10_000;

/** More than the requests that a page is granted, with the answers to pings. */
const MAX_PACKETS = 150;

/** Closes the connection where it sends more; what it has sent beyond is not read. */
export function limitPackets(connection: RawConnection, clock: Clock): void {
  let began = clock.now();
  let packets = 0;
  connection.on("packet", () => {
    const now = clock.now();
    if (now - began >= WINDOW) {
      began = now;
      packets = 0;
    }
    if (++packets > MAX_PACKETS) connection.close(true);
  });
}
