/**
 * Which SCTP packets may reach werift's association (RFC 9260, section 3): it believes every length, so that one chunk of
 * length 0 would have it loop until memory ends. Viewers have nothing to send but the opening of a channel.
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
/** All others that browsers send: heartbeats, ends, errors, and what is between. */
const PLAIN = new Set([4, 5, 6, 7, 8, 9, 11, 14]);

/** Where the parameters of a chunk begin, from its body's beginning. */
const PARAMETERS: ReadonlyMap<number, number> = new Map([
  [INIT, 16],
  [INIT_ACK, 16],
  [RECONFIG, 0],
]);

/** Of the body of DATA: TSN, stream, number in it, protocol. */
const DATA_HEADER = 12;
/** The protocol that opens channels (RFC 8832, section 8.1). */
const OPENS_CHANNEL = 50;
const MAX_OPENING = 512;

const SACK_HEADER = 12;
/** Of chunks that are on their way to a viewer there are never so many. */
const MAX_GAP = 4096;
const MAX_GAPS = 64;

/** Chunks of each kind within a session: each of these leaves something behind. */
const MAX_KEPT = 64;

export class SctpGate {
  readonly #kept = new Map<number, number>();

  pass(packet: Buffer): boolean {
    const chunks = chunksOf(packet);
    if (!chunks?.every(isSound)) return false;
    for (const { type } of chunks) {
      if (type === SACK || PLAIN.has(type)) continue;
      const count = (this.#kept.get(type) ?? 0) + 1;
      if (count > MAX_KEPT) return false;
      this.#kept.set(type, count);
    }
    return true;
  }
}

interface Chunk {
  readonly type: number;
  readonly body: Buffer;
}

/** Undefined where a length is none. */
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

function isSound({ type, body }: Chunk): boolean {
  if (type === DATA) return isOpening(body);
  if (type === SACK) return isSack(body);
  const from = PARAMETERS.get(type);
  if (from !== undefined) return body.length >= from && hasParameters(body.subarray(from));
  return type === COOKIE_ECHO || PLAIN.has(type);
}

function isOpening(body: Buffer): boolean {
  return body.length > DATA_HEADER && body.length <= MAX_OPENING && body.readUInt32BE(8) === OPENS_CHANNEL;
}

function isSack(body: Buffer): boolean {
  if (body.length < SACK_HEADER) return false;
  const gaps = body.readUInt16BE(8);
  const duplicates = body.readUInt16BE(10);
  if (gaps > MAX_GAPS || body.length !== SACK_HEADER + 4 * (gaps + duplicates)) return false;
  for (let n = 0; n < gaps; n++) {
    const [start, end] = [body.readUInt16BE(SACK_HEADER + 4 * n), body.readUInt16BE(SACK_HEADER + 4 * n + 2)];
    if (start < 1 || end < start || end > MAX_GAP) return false;
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
