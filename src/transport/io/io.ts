/**
 * The contract of sealing and sending media packets, which is most of what a viewer costs. Two forms keep it: plain
 * Node, for any machine, and native, which calls the same cipher and the kernel's batched sending directly.
 */
import type { Socket } from "node:dgram";
import type { Address } from "../../network/address.ts";
import type { Sealer, SessionKeys } from "../rtp/srtp.ts";
import type { Route } from "./route.ts";

export interface SocketOptions {
  readonly family: 4 | 6;
  /** The address to bind. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface MediaIo {
  readonly name: "native" | "plain";
  sealerOf(keys: SessionKeys): Sealer;
  /**
   * Binds a UDP socket. One of family 6 takes no IPv4.
   * @throws the system's error where the address is taken or is none of this machine.
   */
  bind(options: SocketOptions): Promise<MediaSocket>;
  /** Sends by a socket that another thread has bound, and holds open; undefined where this form cannot. */
  readonly share?: (fd: number) => MediaSender;
}

export interface MediaSender {
  /** Datagrams that the system did not take: its buffer was full, or there is no way. */
  readonly dropped: number;
  /** How to send to an address. The sealers are of the same form. */
  wayTo(address: Address): Pick<Route, "send" | "sendMedia">;
}

export interface MediaSocket extends MediaSender {
  /** Bound; for receiving. */
  readonly socket: Socket;
  /** Its descriptor, for {@link MediaIo.share}; undefined where this form cannot. */
  readonly fd: number | undefined;
  /** Frees the port; what is sent after goes nowhere. Again does nothing. */
  close(): void;
}

/** Room for the packets of a large frame to many viewers. */
export const SEND_BUFFER = 4 * 1024 * 1024;
export const RECEIVE_BUFFER = 1024 * 1024;
