/** RTP headers of one viewer's stream (RFC 3550, section 5.1), with its header extensions (RFC 8285, section 4.2). */

/** A header extension: its identifier, 1 to 14, and 1 to 16 bytes. */
export interface HeaderExtension {
  readonly id: number;
  /** The same on every packet, or `counter`: two bytes that count the transport's packets. */
  readonly data: Buffer | "counter";
}

export interface RtpStream {
  readonly ssrc: number;
  readonly payloadType: number;
}

const FIXED = 12;
const ONE_BYTE_PROFILE = 0xbede;
const MARKER = 0x80;
const PADDED = 0x20;

/** Writes the headers of a stream, each into the same bytes. */
export class RtpHeader {
  readonly #header: Buffer;
  readonly #payloadType: number;
  readonly #first: number;
  /** Where the counter stands; undefined where there is none. */
  readonly #counterAt: number | undefined;

  constructor({ ssrc, payloadType }: RtpStream, extensions: readonly HeaderExtension[]) {
    const fields: number[] = [];
    for (const { id, data } of extensions) {
      const bytes = data === "counter" ? [0, 0] : data;
      if (id < 1 || id > 14 || bytes.length < 1 || bytes.length > 16) continue;
      if (data === "counter") this.#counterAt = FIXED + 4 + fields.length + 1;
      fields.push((id << 4) | (bytes.length - 1), ...bytes);
    }
    const words = Math.ceil(fields.length / 4);
    this.#header = Buffer.alloc(FIXED + (words === 0 ? 0 : 4 + 4 * words));
    this.#payloadType = payloadType;
    this.#first = words === 0 ? 0x80 : 0x90;
    this.#header.writeUInt32BE(ssrc, 8);
    if (words === 0) return;
    this.#header.writeUInt16BE(ONE_BYTE_PROFILE, FIXED);
    this.#header.writeUInt16BE(words, FIXED + 2);
    this.#header.set(fields, FIXED + 4);
  }

  get length(): number {
    return this.#header.length;
  }

  /** Whether it has a counter. */
  get counts(): boolean {
    return this.#counterAt !== undefined;
  }

  /**
   * The header of a packet; its bytes hold until the next is written.
   * @param counter of the transport's packets, where they are counted.
   * @param padded whether the payload ends in padding.
   */
  write(index: number, timestamp: number, marker: boolean, counter = 0, padded = false): Buffer {
    const header = this.#header;
    header[0] = padded ? this.#first | PADDED : this.#first;
    header[1] = this.#payloadType | (marker ? MARKER : 0);
    header.writeUInt16BE(index % 2 ** 16, 2);
    header.writeUInt32BE(timestamp, 4);
    if (this.#counterAt !== undefined) header.writeUInt16BE(counter % 2 ** 16, this.#counterAt);
    return header;
  }
}

/** The payload of a packet sent again on a stream of its own: the sequence number it had before (RFC 4588, section 4). */
export function rtxPayload(index: number, payload: Buffer): Buffer {
  const again = Buffer.allocUnsafe(2 + payload.length);
  again.writeUInt16BE(index % 2 ** 16);
  payload.copy(again, 2);
  return again;
}
