/** The contract of a way to one viewer: a UDP address, or a TCP connection. */
import type { Address } from "../../network/address.ts";
import type { Sealer } from "../rtp/srtp.ts";

export interface Route {
  /** Where it ends. */
  readonly address: Address;
  /** `relay`: by a TURN server of ours, whatever carries the packets to that. */
  readonly protocol: "udp" | "tcp" | "relay";
  /** The UDP socket that it goes by, for threads that send by themselves; undefined where only this one can. */
  readonly fd?: number | undefined;
  /** Sends one datagram, or drops it where the way is jammed. Never blocks or throws. */
  send(datagram: Buffer): void;
  /**
   * Seals a media packet and sends it, together with others once the present task is done. Drops it where the way is
   * jammed. Takes copies: header and payload may change afterwards.
   * @param index as {@link Sealer.seal} takes it.
   */
  sendMedia(sealer: Sealer, header: Buffer, payload: Buffer, index: number): void;
}
