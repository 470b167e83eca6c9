/**
 * FlexFEC: parity packets over the packets of a frame (draft-ietf-payload-flexible-fec-scheme-03, section 4.2, as libwebrtc
 * implements it). A parity packet restores any one lost packet of its group, without waiting for a retransmission.
 */

/** Bytes of the RTP header that the FEC header replaces. */
const RTP_BYTES = 12;

/** Offsets in the FEC header. */
const LENGTH_AT = 2;
const TIMESTAMP_AT = 4;
const SSRC_COUNT_AT = 8;
const SSRC_AT = 12;
const BASE_AT = 16;
const MASK_AT = 18;

/** The masks: their bytes, and the packets that they can name. */
const MASKS = [
  { bytes: 2, packets: 15 },
  { bytes: 6, packets: 46 },
  { bytes: 14, packets: 109 },
] as const;

/** The most packets of a frame that can be protected. */
export const MAX_PROTECTED_PACKETS = 109;

/** Bytes of the largest packet after its RTP header. */
const MAX_BODY_BYTES = 1500;

interface Group {
  /** The first 8 bytes are those of the FEC header that are parity themselves. */
  readonly body: Buffer;
  bodyBytes: number;
  readonly offsets: number[];
}

/** The parity of one frame's packets: packet n of the frame is in group n modulo the number of groups. */
export class FrameParity {
  readonly #ssrc: number;
  readonly #first: number;
  readonly #groups: readonly Group[];

  /**
   * @param ssrc of the media stream.
   * @param first index of the frame's first packet.
   * @param groups number of parity packets.
   */
  constructor(ssrc: number, first: number, groups: number) {
    this.#ssrc = ssrc;
    this.#first = first;
    this.#groups = Array.from({ length: groups }, () => ({
      body: Buffer.alloc(SSRC_COUNT_AT + MAX_BODY_BYTES),
      bodyBytes: 0,
      offsets: [],
    }));
  }

  /**
   * Adds a packet as it is sent, before encryption.
   * @param index of the packet; its frame has at most {@link MAX_PROTECTED_PACKETS}.
   */
  add(header: Buffer, payload: Buffer, index: number): void {
    const offset = index - this.#first;
    const group = this.#groups[offset % this.#groups.length];
    const bytes = header.length - RTP_BYTES + payload.length;
    if (!group || offset < 0 || offset >= MAX_PROTECTED_PACKETS || bytes > MAX_BODY_BYTES) return;
    const { body } = group;
    group.offsets.push(offset);
    group.bodyBytes = Math.max(group.bodyBytes, bytes);
    xorInto(body, 0, header, 0, 2);
    body[LENGTH_AT] = (body[LENGTH_AT] ?? 0) ^ (bytes >> 8);
    body[LENGTH_AT + 1] = (body[LENGTH_AT + 1] ?? 0) ^ (bytes & 0xff);
    xorInto(body, TIMESTAMP_AT, header, 4, 8);
    xorInto(body, SSRC_COUNT_AT, header, RTP_BYTES, header.length);
    xorInto(body, SSRC_COUNT_AT + header.length - RTP_BYTES, payload, 0, payload.length);
  }

  /** The payloads of the parity packets: FEC header and repaired bytes. */
  payloads(): Buffer[] {
    return this.#groups.filter(({ offsets }) => offsets.length > 0).map((group) => this.#payloadOf(group));
  }

  #payloadOf({ body, bodyBytes, offsets }: Group): Buffer {
    const last = offsets.at(-1) ?? 0;
    const size = (MASKS.find(({ packets }) => last < packets) ?? MASKS[2]).bytes;
    const payload = Buffer.alloc(MASK_AT + size + bodyBytes);
    body.copy(payload, 0, 0, SSRC_COUNT_AT);
    // The bits R and F, at the place of the RTP version.
    payload[0] = (payload[0] ?? 0) & 0x3f;
    payload[SSRC_COUNT_AT] = 1;
    payload.writeUInt32BE(this.#ssrc, SSRC_AT);
    payload.writeUInt16BE(this.#first % 2 ** 16, BASE_AT);
    for (const offset of offsets) setBit(payload, maskBit(offset));
    // The bit K ends the mask.
    setBit(payload, size === 2 ? 0 : size === 6 ? 16 : 48);
    body.copy(payload, MASK_AT + size, SSRC_COUNT_AT, SSRC_COUNT_AT + bodyBytes);
    return payload;
  }
}

/** The bit of a packet in the mask: one bit K before each of its parts of 15, 31 and 63 bits. */
function maskBit(offset: number): number {
  return offset + (offset < 15 ? 1 : offset < 46 ? 2 : 3);
}

function setBit(payload: Buffer, bit: number): void {
  const at = MASK_AT + (bit >> 3);
  payload[at] = (payload[at] ?? 0) | (0x80 >> (bit & 7));
}

function xorInto(into: Buffer, at: number, from: Buffer, start: number, end: number): void {
  for (let n = start; n < end; n++) into[at + n - start] = (into[at + n - start] ?? 0) ^ (from[n] ?? 0);
}
