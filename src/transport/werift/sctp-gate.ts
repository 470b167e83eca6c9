/**
 * Filters SCTP packets before werift gets them (RFC 9260, section 3): werift trusts every length, so a chunk of length 0 would
 * make it loop until memory runs out. Viewers only open a data channel, and send no data.
 */

const HEADER = 12;
const CHUNK_HEADER = 4;
const MAX_CHUNKS = 16;

const DATA = 0;
const INIT = 1;
const INIT_ACK = 2;
const SACK = 3;
const COOKIE_ECHO = 10;
const RECONFIG = 130;
/** The other chunk types that browsers send, such as heartbeats, shutdowns and errors. */
const OTHER_TYPES = new Set([4, 5, 6, 7, 8, 9, 11, 14]);

/** The offset of the parameters in a chunk's body, by type. */
const PARAMETER_OFFSETS: ReadonlyMap<number, number> = new Map([
  [INIT, 16],
  [INIT_ACK, 16],
  [RECONFIG, 0],
]);

/** The header of a DATA body: TSN, stream, stream sequence number, payload protocol. */
const DATA_HEADER = 12;
/** The payload protocol that opens data channels, DCEP (RFC 8832, section 8.1). */
const DCEP = 50;
const MAX_DCEP_BYTES = 512;

const SACK_HEADER = 12;
/** The largest offset in a gap block: we never have so many chunks in flight. */
const MAX_GAP_OFFSET = 4096;
const MAX_GAPS = 64;

/** Chunks per type and session that werift keeps state for. */
const MAX_STATEFUL_CHUNKS = 64;

/** The filter of one viewer. */
export class SctpGate {
  readonly #counts = new Map<number, number>();

  /** Whether the packet may pass; counts its chunks. */
  pass(packet: Buffer): boolean {
    const chunks = chunksOf(packet);
    if (!chunks?.every(isAllowed)) return false;
    for (const { type } of chunks) {
      if (type === SACK || OTHER_TYPES.has(type)) continue;
      const count = (this.#counts.get(type) ?? 0) + 1;
      if (count > MAX_STATEFUL_CHUNKS) return false;
      this.#counts.set(type, count);
    }
    return true;
  }
}

interface Chunk {
  readonly type: number;
  readonly body: Buffer;
}

/** The chunks of a packet; undefined if a length is wrong, or there are too many. */
function chunksOf(packet: Buffer): Chunk[] | undefined {
  const chunks: Chunk[] = [];
  let at = HEADER;
  while (at < packet.length) {
    const length = at + CHUNK_HEADER <= packet.length ? packet.readUInt16BE(at + 2) : 0;
    if (length < CHUNK_HEADER || at + length > packet.length || chunks.length === MAX_CHUNKS)
      return undefined;
    chunks.push({ type: packet[at] ?? 0, body: packet.subarray(at + CHUNK_HEADER, at + length) });
    at += 4 * Math.ceil(length / 4);
  }
  return chunks.length === 0 ? undefined : chunks;
}

function isAllowed({ type, body }: Chunk): boolean {
  if (type === DATA) return isOpening(body);
  if (type === SACK) return isSack(body);
  const from = PARAMETER_OFFSETS.get(type);
  if (from !== undefined) return body.length >= from && hasParameters(body.subarray(from));
  return type === COOKIE_ECHO || OTHER_TYPES.has(type);
}

function isOpening(body: Buffer): boolean {
  return body.length > DATA_HEADER && body.length <= MAX_DCEP_BYTES && body.readUInt32BE(8) === DCEP;
}

function isSack(body: Buffer): boolean {
  if (body.length < SACK_HEADER) return false;
  const gaps = body.readUInt16BE(8);
  const duplicates = body.readUInt16BE(10);
  if (gaps > MAX_GAPS || body.length !== SACK_HEADER + 4 * (gaps + duplicates)) return false;
  for (let n = 0; n < gaps; n++) {
    const [start, end] = [body.readUInt16BE(SACK_HEADER + 4 * n), body.readUInt16BE(SACK_HEADER + 4 * n + 2)];
    if (start < 1 || end < start || end > MAX_GAP_OFFSET) return false;
  }
  return true;
}

function hasParameters(parameters: Buffer): boolean {
  for (let at = 0; at < parameters.length; ) {
    const length = at + 4 <= parameters.length ? parameters.readUInt16BE(at + 2) : 0;
    if (length < 4 || at + length > parameters.length) return false;
    at += 4 * Math.ceil(length / 4);
  }
  return true;
}
