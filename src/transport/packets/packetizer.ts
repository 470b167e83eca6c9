/** Splits encoded frames into RTP payloads, once per rendition. All viewers share them; only the headers differ. */
import { randomInt } from "node:crypto";
import { type EncodedFrame, MAX_PAYLOAD } from "../../media/frame.ts";
import { av1Payloads } from "./av1.ts";
import { h264Payloads, singleUnits } from "./h264.ts";
import { vp8Payloads } from "./vp8.ts";

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
  #index = 0;
  #pictureId: number;

  /** @param pictureId first VP8 picture ID; random by default (RFC 7741, section 4.2). */
  constructor(pictureId: number = randomInt(2 ** 15)) {
    this.#pictureId = pictureId;
  }

  /** The packets of a frame, each with at most {@link MAX_PAYLOAD} bytes of payload. */
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
    if (codec === "av1") return av1Payloads(data, MAX_PAYLOAD);
    if (codec === "h264") return h264Payloads(data, MAX_PAYLOAD);
    if (codec === "h264-single") return singleUnits(data, MAX_PAYLOAD);
    const pictureId = this.#pictureId;
    this.#pictureId = (pictureId + 1) % 2 ** 15;
    return vp8Payloads(data, MAX_PAYLOAD, pictureId);
  }
}
