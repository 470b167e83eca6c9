/**
 * The contract for encrypting and sending media, which is most of a viewer's cost. There are two implementations: plain Node
 * for any machine, and native, which calls OpenSSL and the kernel's batched sending directly.
 */
import type { Socket } from "node:dgram";
import type { Address } from "../../network/address.ts";
import type { Sealer, SessionKeys } from "../rtp/srtp.ts";
import type { Route } from "./route.ts";

/** How to bind a UDP socket. */
export interface SocketOptions {
  readonly family: 4 | 6;
  /** The address to bind. */
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
}

/** One implementation. */
export interface MediaIo {
  readonly name: "native" | "plain";
  /** Whether the kernel cuts one message into datagrams; undefined if the implementation never asks it to. */
  readonly segmentation?: boolean;
  /** Creates a sealer for one viewer. Only senders of the same implementation accept it. */
  sealerOf(keys: SessionKeys): Sealer;
  /**
   * Binds a UDP socket. A socket of family 6 does not accept IPv4.
   * @throws the system's error if the address is taken or does not belong to this machine.
   */
  bind(options: SocketOptions): Promise<MediaSocket>;
  /** Sends through a socket that another thread bound and keeps open; undefined if not supported. */
  readonly share?: (fd: number) => MediaSender;
}

/** Sends datagrams. */
export interface MediaSender {
  /** Datagrams that the system did not accept: its buffer was full, or there is no route. */
  readonly dropped: number;
  /** The functions that send to one address. */
  wayTo(address: Address): Pick<Route, "send" | "sendMedia" | "maxDatagram">;
}

/** A bound UDP socket. */
export interface MediaSocket extends MediaSender {
  /** For receiving. */
  readonly socket: Socket;
  /** The descriptor for {@link MediaIo.share}; undefined if not supported. */
  readonly fd: number | undefined;
  /** Frees the port. Later datagrams are dropped. Repeated calls do nothing. */
  close(): void;
}

/** Bytes of a socket's send buffer: holds a large frame for many viewers. */
export const SEND_BUFFER = 4 * 1024 * 1024;

/** Bytes of a socket's receive buffer. */
export const RECEIVE_BUFFER = 1024 * 1024;
