/** RTP headers of one viewer's stream (RFC 3550, section 5.1), with its header extensions (RFC 8285, section 4.2). */

/** A header extension, the same on every packet: its identifier, 1 to 14, and 1 to 16 bytes. */
export interface HeaderExtension {
  readonly id: number;
  readonly data: Buffer;
}

export interface RtpStream {
  readonly ssrc: number;
  readonly payloadType: number;
}

const FIXED = 12;
const ONE_BYTE_PROFILE = 0xbede;
const MARKER = 0x80;

/** Writes the headers of a stream, each into the same bytes. */
export class RtpHeader {
  readonly #header: Buffer;
  readonly #payloadType: number;

  constructor({ ssrc, payloadType }: RtpStream, extensions: readonly HeaderExtension[]) {
    const fields = extensions
      .filter(isOneByte)
      .flatMap(({ id, data }) => [(id << 4) | (data.length - 1), ...data]);
    const words = Math.ceil(fields.length / 4);
    this.#header = Buffer.alloc(FIXED + (words === 0 ? 0 : 4 + 4 * words));
    this.#payloadType = payloadType;
    this.#header[0] = words === 0 ? 0x80 : 0x90;
    this.#header.writeUInt32BE(ssrc, 8);
    if (words === 0) return;
    this.#header.writeUInt16BE(ONE_BYTE_PROFILE, FIXED);
    this.#header.writeUInt16BE(words, FIXED + 2);
    this.#header.set(fields, FIXED + 4);
  }

  get length(): number {
    return this.#header.length;
  }

  /** The header of a packet; its bytes hold until the next is written. */
  write(index: number, timestamp: number, marker: boolean): Buffer {
    const header = this.#header;
    header[1] = this.#payloadType | (marker ? MARKER : 0);
    header.writeUInt16BE(index % 2 ** 16, 2);
    header.writeUInt32BE(timestamp, 4);
    return header;
  }
}

function isOneByte({ id, data }: HeaderExtension): boolean {
  return id >= 1 && id <= 14 && data.length >= 1 && data.length <= 16;
}

/** The payload of a packet sent again on a stream of its own: the sequence number it had before (RFC 4588, section 4). */
export function rtxPayload(index: number, payload: Buffer): Buffer {
  const again = Buffer.allocUnsafe(2 + payload.length);
  again.writeUInt16BE(index % 2 ** 16);
  payload.copy(again, 2);
  return again;
}
