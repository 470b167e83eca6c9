/** Splits encoded frames into RTP payloads, once per rendition. All viewers share them; only the headers differ. */
import { type EncodedFrame, MAX_PAYLOAD } from "../../media/frame.ts";
import { av1Payloads } from "./av1.ts";
import { h264Payloads, singleUnits } from "./h264.ts";
import { vp8Payloads } from "./vp8.ts";

/**
 * The largest RTP payload in bytes for a viewer whose path takes no full packets. With all headers such a packet has at most
 * 558 bytes: every IPv4 path takes 576 (RFC 791, section 3.1).
 */
export const SMALL_PAYLOAD = 480;

/** The most bytes that a datagram has beside its payload: RTP header and extensions, the number in RTX, the SRTP tag. */
const MAX_OVERHEAD = 50;

/** The largest datagram of media. */
export const FULL_DATAGRAM = MAX_PAYLOAD + MAX_OVERHEAD;

/** An RTP packet without the viewer's fields: SSRC, payload type, sequence number and header extensions. */
export interface MediaPacket {
  /** Counts the rendition's packets; it never wraps. */
  readonly index: number;
  /** 90 kHz ticks, modulo 2^32. */
  readonly timestamp: number;
  /** Set on the last packet of a frame (RFC 7741, section 4.1; RFC 6184, section 5.1). */
  readonly marker: boolean;
  readonly payload: Buffer;
}

/** Packetizes the frames of one rendition. */
export class Packetizer {
  readonly #maxPayload: number;
  #index = 0;

  constructor(maxPayload: number = MAX_PAYLOAD) {
    this.#maxPayload = maxPayload;
  }

  /** The packets of a frame, each with at most `maxPayload` bytes of payload; slices of `h264-single` stay whole. */
  packetize(frame: EncodedFrame): MediaPacket[] {
    const payloads = this.#payloads(frame);
    return payloads.map((payload, n) => ({
      index: this.#index++,
      timestamp: frame.rtpTimestamp,
      marker: n === payloads.length - 1,
      payload,
    }));
  }

  #payloads({ codec, data }: EncodedFrame): Buffer[] {
    if (codec === "av1") return av1Payloads(data, this.#maxPayload);
    if (codec === "h264") return h264Payloads(data, this.#maxPayload);
    // The encoder has cut its slices for full packets, and mode 0 cannot cut them again.
    if (codec === "h264-single") return singleUnits(data, MAX_PAYLOAD);
    return vp8Payloads(data, this.#maxPayload);
  }
}
