/** The RTP streams that one viewer receives: its media, and retransmissions (RTX, RFC 4588). */
import { randomInt } from "node:crypto";
import type { FrameParity } from "../rtp/flexfec.ts";
import { type HeaderExtension, RtpHeader, type RtpStream } from "../rtp/header.ts";

/** One SSRC: its header, its sequence numbers, and the totals for its sender reports. */
export interface OutgoingStream {
  readonly header: RtpHeader;
  /** Index of the next packet: its sequence number, extended by the roll-over counter. */
  next: number;
  packets: number;
  /** Bytes of payload. */
  octets: number;
}

/** A packet that is ready to be sealed. */
export interface OutgoingPacket {
  readonly stream: OutgoingStream;
  readonly index: number;
  /** 90 kHz ticks. */
  readonly timestamp: number;
  readonly marker: boolean;
  readonly payload: Buffer;
  /** Bytes of payload, for the pacer. */
  readonly bytes: number;
  /** Collects the parity of its frame; undefined for none. */
  readonly parity?: FrameParity | undefined;
}

/**
 * Creates a stream. It starts in the lower half of the sequence numbers, so that a viewer that misses the first packets
 * still counts roll-overs correctly (RFC 3711, section 3.3.1).
 */
export function outgoingStream(stream: RtpStream, extensions: readonly HeaderExtension[]): OutgoingStream {
  return { header: new RtpHeader(stream, extensions), next: randomInt(1, 2 ** 15), packets: 0, octets: 0 };
}

/** Creates a packet of a stream. */
export function outgoingPacket(
  stream: OutgoingStream,
  index: number,
  timestamp: number,
  marker: boolean,
  payload: Buffer,
): OutgoingPacket {
  return { stream, index, timestamp, marker, payload, bytes: payload.length };
}

/** The highest index below `next` that has this sequence number. */
export function indexOf(sequenceNumber: number, next: number): number {
  const age = (((next - 1 - sequenceNumber) % 2 ** 16) + 2 ** 16) % 2 ** 16;
  return next - 1 - age;
}
