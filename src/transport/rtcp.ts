/**
 * What of a viewer's RTCP reaches werift's parsers, and how much its NACKs may ask for: some packets of a few
 * bytes would have them work for long.
 */
import type { Clock, EpochMs, Millis } from "../timing.ts";

/** RFC 3550, section 6.1: a packet has 4 bytes of header, with its length in 32-bit words less one. */
const HEADER = 4;

/** Packets of one compound; a browser sends three or four. */
const MAX_PACKETS = 16;

/** RFC 4585, section 6.2.1: the entries of a NACK follow two SSRCs, 4 bytes each, for up to 17 packets. */
const NACK_ENTRIES = 12;
const NACK_ENTRY = 4;
const MAX_NACK_ENTRIES = 32;

const TRANSPORT_FEEDBACK = 205;
const PAYLOAD_FEEDBACK = 206;
const GENERIC_NACK = 1;
const PICTURE_LOSS = 1;

/**
 * The packets of a compound, one by one: werift hands each parser the whole rest, which reads a NACK before another
 * report as many losses that never were. Left out is feedback that nobody negotiated, and a NACK's surplus.
 */
export function readableRtcp(compound: Buffer): Buffer[] {
  const packets: Buffer[] = [];
  for (let at = 0; at + HEADER <= compound.length && packets.length < MAX_PACKETS; ) {
    const end = Math.min(compound.length, at + 4 * (compound.readUInt16BE(at + 2) + 1));
    const packet = compound.subarray(at, end);
    const format = (packet[0] ?? 0) & 0x1f;
    const type = packet[1];
    at = end;
    if (type === TRANSPORT_FEEDBACK && format === GENERIC_NACK) packets.push(shortened(packet));
    else if (type === PAYLOAD_FEEDBACK ? format === PICTURE_LOSS : type !== TRANSPORT_FEEDBACK)
      packets.push(packet);
  }
  return packets;
}

function shortened(nack: Buffer): Buffer {
  const longest = NACK_ENTRIES + MAX_NACK_ENTRIES * NACK_ENTRY;
  if (nack.length <= longest) return nack;
  const short = Buffer.from(nack.subarray(0, longest));
  short.writeUInt16BE(longest / 4 - 1, 2);
  return short;
}

/** A packet sent again is on its way for this long: asking for it once more brings nothing. */
const COOLDOWN: Millis = 50;

/** Packets sent again to one viewer within a second, at most. */
const MAX_REPAIRS = 400;

/** Bounds what one viewer is sent again. */
export class RepairBudget {
  readonly #clock: Clock;
  readonly #repaired = new Map<number, EpochMs>();
  #windowStart: number = Number.NEGATIVE_INFINITY;
  #inWindow = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Of the sequence numbers asked for, those to send again now. */
  allow(lost: readonly number[]): number[] {
    const now = this.#clock.now();
    if (now - this.#windowStart >= 1000) {
      this.#windowStart = now;
      this.#inWindow = 0;
      this.#repaired.clear();
    }
    // werift counts on beyond 16 bits where a NACK's mask crosses the wrap.
    return lost
      .map((number) => number & 0xffff)
      .filter((sequenceNumber) => {
        const before = this.#repaired.get(sequenceNumber);
        if (this.#inWindow >= MAX_REPAIRS || (before !== undefined && now - before < COOLDOWN)) return false;
        this.#repaired.set(sequenceNumber, now);
        this.#inWindow++;
        return true;
      });
  }
}
