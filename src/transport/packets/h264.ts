/**
 * The H.264 payload format, RFC 6184. In packetization-mode 1: small NAL units several to a payload (STAP-A, section
 * 5.7.1), large ones in pieces (FU-A, section 5.8), and the rest as they are (section 5.6). In mode 0, all as they are:
 * the encoder makes slices that fit.
 *
 * ```
 * +-+-+-+-+-+-+-+-+
 * |F|NRI|  Type   |  of a NAL unit; STAP-A and FU-A have a type of their own
 * +-+-+-+-+-+-+-+-+
 * |S|E|R|  Type   |  FU-A's second byte: S=1 the unit's first piece, E=1 its last; the unit's own type
 * +-+-+-+-+-+-+-+-+
 * ```
 */
import { nalType, nalUnits } from "../../media/annexb.ts";

const STAP_A = 24;
const FU_A = 28;

const FORBIDDEN_AND_NRI = 0xe0;
const START = 0x80;
const END = 0x40;

const HEADER_BYTES = 1;
/** Before each unit of a STAP-A. */
const LENGTH_BYTES = 2;

/** Splits a frame, a byte stream, into payloads of at most `maxBytes`: none where it has no NAL unit. */
export function h264Payloads(frame: Buffer, maxBytes: number): Buffer[] {
  const payloads: Buffer[] = [];
  let together: Buffer[] = [];
  const flush = () => {
    if (together.length > 0) payloads.push(aggregate(together));
    together = [];
  };
  for (const unit of nalUnits(frame)) {
    if (aggregateBytes([...together, unit]) > maxBytes) flush();
    if (aggregateBytes([unit]) <= maxBytes) together.push(unit);
    else if (unit.length <= maxBytes) payloads.push(unit);
    else payloads.push(...fragments(unit, maxBytes));
  }
  flush();
  return payloads;
}

/**
 * A frame's NAL units, each a payload (mode 0). A unit larger than `maxBytes`, which an encoder of such slices makes
 * none of, cannot be sent: a decoder conceals a missing slice.
 */
export function singleUnits(frame: Buffer, maxBytes: number): Buffer[] {
  return nalUnits(frame).filter(({ length }) => length <= maxBytes);
}

function aggregateBytes(units: readonly Buffer[]): number {
  return units.reduce((sum, { length }) => sum + LENGTH_BYTES + length, HEADER_BYTES);
}

/** Units in one payload: a single one as it is. */
function aggregate(units: readonly Buffer[]): Buffer {
  const [first] = units;
  if (first && units.length === 1) return first;
  const payload = Buffer.allocUnsafe(aggregateBytes(units));
  // F is set if any has it, and NRI is the highest.
  const flags = units.map((unit) => unit[0] ?? 0);
  const forbidden = flags.reduce((all, flag) => all | (flag & 0x80), 0);
  payload[0] = forbidden | Math.max(...flags.map((flag) => flag & 0x60)) | STAP_A;
  let at = HEADER_BYTES;
  for (const unit of units) {
    payload.writeUInt16BE(unit.length, at);
    at += LENGTH_BYTES + unit.copy(payload, at + LENGTH_BYTES);
  }
  return payload;
}

/** The pieces of a unit, of equal size but for a shorter last one: such packets the kernel can cut from one piece. */
function fragments(unit: Buffer, maxBytes: number): Buffer[] {
  const [header = 0] = unit;
  // The unit's first byte is not sent: the two before each piece say the same.
  const body = unit.subarray(1);
  const count = Math.ceil(body.length / (maxBytes - 2));
  const size = Math.ceil(body.length / count);
  const payloads: Buffer[] = [];
  for (let from = 0; from < body.length; from += size) {
    const to = Math.min(from + size, body.length);
    const payload = Buffer.allocUnsafe(2 + to - from);
    payload[0] = (header & FORBIDDEN_AND_NRI) | FU_A;
    payload[1] = (from === 0 ? START : 0) | (to === body.length ? END : 0) | nalType(unit);
    body.copy(payload, 2, from, to);
    payloads.push(payload);
  }
  return payloads;
}
