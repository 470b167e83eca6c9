/** Limits what one connection may send: socket.io makes a socket for every CONNECT packet, without a limit of its own. */
import type { Clock, Millis } from "../base/clock.ts";

/** An engine.io connection, below socket.io's sockets. */
export interface RawConnection {
  on(event: "packet", listener: () => void): unknown;
  /** @param discard drops what is not sent yet. */
  close(discard: boolean): void;
}

const WINDOW: Millis = 10_000;

/** More than a page's request limit and its pongs. */
const MAX_PACKETS = 150;

/** Closes the connection if it sends more packets than that. */
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
