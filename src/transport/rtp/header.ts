/** RTP headers (RFC 3550, section 5.1) with one-byte header extensions (RFC 8285, section 4.2). */

/** A header extension: an ID from 1 to 14, and 1 to 16 bytes. */
export interface HeaderExtension {
  readonly id: number;
  /** Constant bytes, or `counter`: the 16-bit transport-wide counter. */
  readonly data: Buffer | "counter";
}

/** What identifies an RTP stream. */
export interface RtpStream {
  readonly ssrc: number;
  readonly payloadType: number;
}

/** Bytes before the extensions. */
const FIXED_BYTES = 12;
/** "Defined by profile" value of one-byte header extensions. */
const ONE_BYTE_PROFILE = 0xbede;
const MARKER_BIT = 0x80;
const PADDING_BIT = 0x20;

/** Writes the headers of a stream, all into the same buffer. */
export class RtpHeader {
  readonly ssrc: number;
  readonly #header: Buffer;
  readonly #payloadType: number;
  readonly #first: number;
  /** Offset of the transport-wide counter; undefined for none. */
  readonly #counterAt: number | undefined;

  constructor({ ssrc, payloadType }: RtpStream, extensions: readonly HeaderExtension[]) {
    this.ssrc = ssrc;
    const fields: number[] = [];
    for (const { id, data } of extensions) {
      const bytes = data === "counter" ? [0, 0] : data;
      if (id < 1 || id > 14 || bytes.length < 1 || bytes.length > 16) continue;
      if (data === "counter") this.#counterAt = FIXED_BYTES + 4 + fields.length + 1;
      fields.push((id << 4) | (bytes.length - 1), ...bytes);
    }
    const words = Math.ceil(fields.length / 4);
    this.#header = Buffer.alloc(FIXED_BYTES + (words === 0 ? 0 : 4 + 4 * words));
    this.#payloadType = payloadType;
    this.#first = words === 0 ? 0x80 : 0x90;
    this.#header.writeUInt32BE(ssrc, 8);
    if (words === 0) return;
    this.#header.writeUInt16BE(ONE_BYTE_PROFILE, FIXED_BYTES);
    this.#header.writeUInt16BE(words, FIXED_BYTES + 2);
    this.#header.set(fields, FIXED_BYTES + 4);
  }

  /** Bytes of each header. */
  get length(): number {
    return this.#header.length;
  }

  /** Whether the headers have a transport-wide counter. */
  get counts(): boolean {
    return this.#counterAt !== undefined;
  }

  /**
   * Writes the header of a packet. The buffer is valid until the next call.
   * @param index its lower 16 bits become the sequence number.
   * @param timestamp 90 kHz ticks, 32 bits.
   * @param counter transport-wide, ignored if the headers have none.
   * @param padded whether the payload ends in padding.
   */
  write(index: number, timestamp: number, marker: boolean, counter = 0, padded = false): Buffer {
    const header = this.#header;
    header[0] = padded ? this.#first | PADDING_BIT : this.#first;
    header[1] = this.#payloadType | (marker ? MARKER_BIT : 0);
    header.writeUInt16BE(index % 2 ** 16, 2);
    header.writeUInt32BE(timestamp, 4);
    if (this.#counterAt !== undefined) header.writeUInt16BE(counter % 2 ** 16, this.#counterAt);
    return header;
  }
}

/** The RTX payload of a packet: its original sequence number, then its payload (RFC 4588, section 4). */
export function rtxPayload(index: number, payload: Buffer): Buffer {
  const rtx = Buffer.allocUnsafe(2 + payload.length);
  rtx.writeUInt16BE(index % 2 ** 16);
  payload.copy(rtx, 2);
  return rtx;
}
