/** An encoded frame to RTP payloads, once per rendition: what differs by viewer is only the header. */
import { randomInt } from "node:crypto";
import type { EncodedFrame } from "../frame.ts";
import { vp8Payloads } from "./vp8.ts";

/** An RTP packet without what differs by viewer (SSRC, payload type, header extensions). */
export interface MediaPacket {
  /** Modulo 2^16. */
  readonly sequenceNumber: number;
  /** 90 kHz ticks, modulo 2^32. */
  readonly timestamp: number;
  /** Set on the last packet of a frame (RFC 7741, section 4.1). */
  readonly marker: boolean;
  readonly payload: Buffer;
}

/** RTP payload bytes: with header, extensions, SRTP tag, UDP and IPv6 it stays below the 1280 of any IPv6 path. */
export const MAX_PAYLOAD = 1180;

export class Packetizer {
  #sequenceNumber: number;
  #pictureId: number;

  /** @param sequenceNumber the first; random where left out (RFC 3550, section 5.1). */
  constructor(sequenceNumber: number = randomInt(2 ** 16), pictureId: number = randomInt(2 ** 15)) {
    this.#sequenceNumber = sequenceNumber;
    this.#pictureId = pictureId;
  }

  packetize(frame: EncodedFrame): MediaPacket[] {
    const payloads = vp8Payloads(frame.data, MAX_PAYLOAD, this.#pictureId);
    this.#pictureId = (this.#pictureId + 1) % 2 ** 15;
    return payloads.map((payload, index) => {
      const sequenceNumber = this.#sequenceNumber;
      this.#sequenceNumber = (sequenceNumber + 1) % 2 ** 16;
      return {
        sequenceNumber,
        timestamp: frame.rtpTimestamp,
        marker: index === payloads.length - 1,
        payload,
      };
    });
  }
}
