/** The contract for a route to one viewer: a UDP address, a TCP connection or a TURN relay. */
import type { Address } from "../../network/address.ts";
import type { Sealer } from "../rtp/srtp.ts";

/** A route to one viewer. */
export interface Route {
  /** The viewer's address. */
  readonly address: Address;
  /** `relay`: through our TURN server, over UDP or TCP. */
  readonly protocol: "udp" | "tcp" | "relay";
  /** The UDP socket's descriptor, for worker threads; undefined if only this thread can send. */
  readonly fd?: number | undefined;
  /**
   * Bytes of the largest datagram that reaches the viewer in one piece, as far as the system knows. Undefined if the route
   * cuts larger ones itself, or the system fragments them.
   */
  readonly maxDatagram?: (() => number) | undefined;
  /** Sends a datagram, or drops it if the route is congested. Never blocks or throws. */
  send(datagram: Buffer): void;
  /**
   * Seals a media packet and sends it with others at the end of the current task, or drops it if the route is congested.
   * Copies header and payload, so the caller may reuse them.
   * @param index as for {@link Sealer.seal}.
   */
  sendMedia(sealer: Sealer, header: Buffer, payload: Buffer, index: number): void;
}
