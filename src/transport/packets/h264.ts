/**
 * H.264 payloads (RFC 6184). Packetization mode 1 aggregates small NAL units (STAP-A, section 5.7.1) and fragments large ones
 * (FU-A, section 5.8). Mode 0 has one NAL unit per payload (section 5.6): the encoder makes slices that fit.
 *
 * ```
 * +-+-+-+-+-+-+-+-+
 * |F|NRI|  Type   |  first byte of a NAL unit; STAP-A and FU-A have their own types
 * +-+-+-+-+-+-+-+-+
 * |S|E|R|  Type   |  second byte of a FU-A: S=1 first fragment, E=1 last fragment, type of the NAL unit
 * +-+-+-+-+-+-+-+-+
 * ```
 */
import { nalType, nalUnits } from "../../media/annexb.ts";

const STAP_A = 24;
const FU_A = 28;

const FORBIDDEN_AND_NRI = 0xe0;
const START_BIT = 0x80;
const END_BIT = 0x40;

const HEADER_BYTES = 1;
/** Bytes of the size field before each unit of a STAP-A. */
const LENGTH_BYTES = 2;

/**
 * Splits a frame (Annex B byte stream) into payloads of at most `maxBytes`, for packetization mode 1.
 * @returns none for a frame without NAL units.
 */
export function h264Payloads(frame: Buffer, maxBytes: number): Buffer[] {
  const payloads: Buffer[] = [];
  let aggregated: Buffer[] = [];
  const flush = () => {
    if (aggregated.length > 0) payloads.push(aggregate(aggregated));
    aggregated = [];
  };
  for (const unit of nalUnits(frame)) {
    if (aggregateBytes([...aggregated, unit]) > maxBytes) flush();
    if (aggregateBytes([unit]) <= maxBytes) aggregated.push(unit);
    else if (unit.length <= maxBytes) payloads.push(unit);
    else payloads.push(...fragments(unit, maxBytes));
  }
  flush();
  return payloads;
}

/**
 * Splits a frame into its NAL units, one per payload, for packetization mode 0. Drops units above `maxBytes`: encoders with
 * bounded slices make none, and a decoder conceals a missing slice.
 */
export function singleUnits(frame: Buffer, maxBytes: number): Buffer[] {
  return nalUnits(frame).filter(({ length }) => length <= maxBytes);
}

function aggregateBytes(units: readonly Buffer[]): number {
  return units.reduce((sum, { length }) => sum + LENGTH_BYTES + length, HEADER_BYTES);
}

/** One payload of several units. A single unit is not wrapped. */
function aggregate(units: readonly Buffer[]): Buffer {
  const [first] = units;
  if (first && units.length === 1) return first;
  const payload = Buffer.allocUnsafe(aggregateBytes(units));
  // F is set if any unit has it, and NRI is the highest one (section 5.7).
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

/** Fragments of equal size; the last may be shorter. The kernel can segment such packets (UDP_SEGMENT). */
function fragments(unit: Buffer, maxBytes: number): Buffer[] {
  const [header = 0] = unit;
  // The first byte is not sent: the two bytes before each fragment carry the same information.
  const body = unit.subarray(1);
  const count = Math.ceil(body.length / (maxBytes - 2));
  const size = Math.ceil(body.length / count);
  const payloads: Buffer[] = [];
  for (let from = 0; from < body.length; from += size) {
    const to = Math.min(from + size, body.length);
    const payload = Buffer.allocUnsafe(2 + to - from);
    payload[0] = (header & FORBIDDEN_AND_NRI) | FU_A;
    payload[1] = (from === 0 ? START_BIT : 0) | (to === body.length ? END_BIT : 0) | nalType(unit);
    body.copy(payload, 2, from, to);
    payloads.push(payload);
  }
  return payloads;
}
