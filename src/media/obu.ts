/** AV1's byte stream (AV1 bitstream specification, section 5.3): OBUs, each with a size field. */

/** OBU types (section 6.2.2): four bits of the first byte. */
export const OBU = { sequenceHeader: 1, temporalDelimiter: 2, tileList: 8, padding: 15 } as const;

const EXTENSION = 0x04;
const HAS_SIZE = 0x02;

/** One OBU of a temporal unit. */
export interface Obu {
  readonly type: number;
  /** The header of one or two bytes, with the has_size flag cleared. */
  readonly header: Buffer;
  /** A view of `data`. */
  readonly payload: Buffer;
}

/**
 * The OBUs of a temporal unit. An OBU without a size field extends to the end.
 * @throws {RangeError} if a size exceeds the data.
 */
export function obusOf(data: Buffer): Obu[] {
  const obus: Obu[] = [];
  let at = 0;
  while (at < data.length) {
    const first = data[at] ?? 0;
    const length = first & EXTENSION ? 2 : 1;
    const header = Buffer.from(data.subarray(at, at + length));
    header[0] = first & ~HAS_SIZE;
    at += length;
    let size = data.length - at;
    if (first & HAS_SIZE) [size, at] = readLeb128(data, at);
    if (size < 0 || at + size > data.length) throw new RangeError("an OBU extends beyond its temporal unit");
    obus.push({ type: (first >> 3) & 0x0f, header, payload: data.subarray(at, at + size) });
    at += size;
  }
  return obus;
}

/** Reads a LEB128 number: groups of 7 bits, the lowest first (section 4.10.5). `to` is the offset after it. */
function readLeb128(data: Buffer, from: number): [value: number, to: number] {
  let value = 0;
  for (let n = 0; n < 8; n++) {
    const byte = data[from + n];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * n);
    if ((byte & 0x80) === 0) return [value, from + n + 1];
  }
  throw new RangeError("the size field of an OBU is not terminated");
}

/** Encodes a number as LEB128 (section 4.10.5). */
export function leb128(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  do {
    bytes.push((left % 128) | (left >= 128 ? 0x80 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return Buffer.from(bytes);
}
