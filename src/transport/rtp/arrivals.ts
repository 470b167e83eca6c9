/**
 * Transport-wide feedback: the arrival time of each packet of a connection, about ten times a second
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1).
 */
import type { Millis } from "../../base/clock.ts";

/** The arrival of one packet. */
export interface Arrival {
  /** The packet's transport-wide counter, 16 bits. */
  readonly counter: number;
  /** On the receiver's clock, which has an arbitrary start and wraps after 12 days; undefined if the packet was lost. */
  readonly at: Millis | undefined;
}

/** Longest usual interval between feedback messages. */
export const FEEDBACK_INTERVAL: Millis = 100;

/**
 * Packets read from one message: more than a datagram has arrival times for, so that only lost ones are left out. A message
 * of a few bytes can claim 65,535.
 */
const MAX_ARRIVALS = 2048;

/** Offset of the base sequence number: after the header of 4 bytes and two SSRCs. */
const BASE = 12;
const FIRST_CHUNK = 20;

/** Units of the reference time and of the receive deltas. */
const REFERENCE_UNIT: Millis = 64;
const DELTA_UNIT: Millis = 0.25;

/** Packet status symbols: received with a small delta, with a large one, or without a time. */
const SMALL = 1;
const LARGE = 2;
const UNTIMED = 3;

/** Reads a feedback packet. If it is malformed, returns the arrivals before the error. */
export function readArrivals(packet: Buffer): Arrival[] {
  if (packet.length < FIRST_CHUNK) return [];
  const first = packet.readUInt16BE(BASE);
  const count = packet.readUInt16BE(BASE + 2);
  const { symbols, end } = readSymbols(packet, count);
  const arrivals: Arrival[] = [];
  let time = packet.readIntBE(BASE + 4, 3) * REFERENCE_UNIT;
  let at = end;
  for (const [n, symbol] of symbols.entries()) {
    const counter = (first + n) % 2 ** 16;
    const bytes = symbol === SMALL ? 1 : symbol === LARGE ? 2 : 0;
    if (at + bytes > packet.length) break;
    // It arrived at an unknown time.
    if (symbol === UNTIMED) continue;
    if (bytes === 0) arrivals.push({ counter, at: undefined });
    else {
      time += DELTA_UNIT * (bytes === 1 ? packet.readUInt8(at) : packet.readInt16BE(at));
      at += bytes;
      arrivals.push({ counter, at: time });
    }
  }
  return arrivals;
}

/** The status symbols of the first {@link MAX_ARRIVALS} packets, and the offset after the chunks of all. */
function readSymbols(packet: Buffer, count: number): { readonly symbols: number[]; readonly end: number } {
  const symbols: number[] = [];
  const most = Math.min(count, MAX_ARRIVALS);
  let covered = 0;
  let at = FIRST_CHUNK;
  for (; covered < count && at + 2 <= packet.length; at += 2) {
    const chunk = packet.readUInt16BE(at);
    if ((chunk & 0x8000) === 0) {
      covered += chunk & 0x1fff;
      const end = Math.min(covered, most);
      while (symbols.length < end) symbols.push((chunk >> 13) & 3);
    } else {
      const bits = (chunk & 0x4000) === 0 ? 1 : 2;
      covered += 14 / bits;
      for (let shift = 14 - bits; shift >= 0 && symbols.length < most; shift -= bits)
        symbols.push((chunk >> shift) & (2 ** bits - 1));
    }
  }
  return { symbols, end: at };
}
