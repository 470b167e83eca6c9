/**
 * When each packet of a connection came, as its receiver tells some ten times a second
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1).
 */
import type { Millis } from "../../base/clock.ts";

export interface Arrival {
  /** The packet's, by the header extension: 16 bits. */
  readonly counter: number;
  /** On a clock of the receiver's that begins anywhere, and begins again after 12 days; undefined for one that did not come. */
  readonly at: Millis | undefined;
}

/** Packets of one message that are read: a quarter of a second's at 40 Mbit/s. */
const MAX_ARRIVALS = 1000;

/** Behind the header of 4 bytes and two SSRCs. */
const BASE = 12;
const FIRST_CHUNK = 20;

const REFERENCE: Millis = 64;
const TICK: Millis = 0.25;

const SMALL = 1;
const LARGE = 2;
const UNTIMED = 3;

/** Reads a whole RTCP packet of that kind; of a malformed one what comes before the fault. */
export function readArrivals(packet: Buffer): Arrival[] {
  if (packet.length < FIRST_CHUNK) return [];
  const first = packet.readUInt16BE(BASE);
  const count = Math.min(packet.readUInt16BE(BASE + 2), MAX_ARRIVALS);
  const { symbols, end } = readSymbols(packet, count);
  const arrivals: Arrival[] = [];
  let time = packet.readIntBE(BASE + 4, 3) * REFERENCE;
  let at = end;
  for (const [n, symbol] of symbols.entries()) {
    const counter = (first + n) % 2 ** 16;
    const bytes = symbol === SMALL ? 1 : symbol === LARGE ? 2 : 0;
    if (at + bytes > packet.length) break;
    // It came, but when is not told.
    if (symbol === UNTIMED) continue;
    if (bytes === 0) arrivals.push({ counter, at: undefined });
    else {
      time += TICK * (bytes === 1 ? packet.readUInt8(at) : packet.readInt16BE(at));
      at += bytes;
      arrivals.push({ counter, at: time });
    }
  }
  return arrivals;
}

/** What is told of each packet, and where that ends. */
function readSymbols(packet: Buffer, count: number): { readonly symbols: number[]; readonly end: number } {
  const symbols: number[] = [];
  let at = FIRST_CHUNK;
  for (; symbols.length < count && at + 2 <= packet.length; at += 2) {
    const chunk = packet.readUInt16BE(at);
    if ((chunk & 0x8000) === 0) {
      const length = Math.min(chunk & 0x1fff, count - symbols.length);
      for (let n = 0; n < length; n++) symbols.push((chunk >> 13) & 3);
    } else {
      const bits = (chunk & 0x4000) === 0 ? 1 : 2;
      for (let shift = 14 - bits; shift >= 0 && symbols.length < count; shift -= bits)
        symbols.push((chunk >> shift) & (2 ** bits - 1));
    }
  }
  return { symbols, end: at };
}
