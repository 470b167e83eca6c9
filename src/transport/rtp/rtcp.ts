/** RTCP between us and one viewer (RFC 3550, section 6; RFC 4585; RFC 5104): what it tells, and what we tell it. */
import type { EpochMs } from "../../base/clock.ts";
import { type Arrival, readArrivals } from "./arrivals.ts";

/** What a viewer tells of one stream. */
export type Feedback =
  | { readonly kind: "report"; readonly ssrc: number; readonly report: ReceptionReport }
  /** 16-bit sequence numbers of packets that did not come. */
  | { readonly kind: "nack"; readonly ssrc: number; readonly lost: readonly number[] }
  | { readonly kind: "keyframe"; readonly ssrc: number }
  /** What the receiver thinks that it can be sent, bits a second. */
  | { readonly kind: "estimate"; readonly bitrate: number }
  /** When packets of the connection came. */
  | { readonly kind: "arrivals"; readonly arrivals: readonly Arrival[] }
  | { readonly kind: "bye" };

/** RFC 3550, section 6.4.1. */
export interface ReceptionReport {
  /** Of the packets since the last report, 0 to 1. */
  readonly fractionLost: number;
  /** In ticks of the stream's clock. */
  readonly jitter: number;
  /** The middle 32 bits of the NTP time of the last sender report it got; 0 for none. */
  readonly lastSenderReport: number;
  /** Since it got that, in 1/65536 seconds. */
  readonly delay: number;
}

/** RFC 3550, section 6.1: a packet has 4 bytes of header, with its length in 32-bit words less one. */
const HEADER = 4;
const VERSION = 2;
const PADDED = 0x20;

/** Packets of one compound that are read; a browser sends three or four. */
const MAX_PACKETS = 16;

const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const SOURCE_DESCRIPTION = 202;
const GOODBYE = 203;
const TRANSPORT_FEEDBACK = 205;
const PAYLOAD_FEEDBACK = 206;
const GENERIC_NACK = 1;
const ARRIVALS = 15;
const PICTURE_LOSS = 1;
const FULL_INTRA_REQUEST = 4;
const APPLICATION = 15;

const REPORT_BLOCK = 24;
const FEEDBACK_HEADER = 12;

/** Entries of a NACK that are read, each for up to 17 packets. */
const MAX_NACK_ENTRIES = 32;

/** What a compound packet in the clear tells; what is malformed or of no use here is left out. */
export function readFeedback(compound: Buffer): Feedback[] {
  const feedback: Feedback[] = [];
  let packets = 0;
  for (let at = 0; at + HEADER <= compound.length && packets < MAX_PACKETS; packets++) {
    const end = at + 4 * (compound.readUInt16BE(at + 2) + 1);
    if (end > compound.length) break;
    const packet = unpadded(compound.subarray(at, end));
    at = end;
    if (!packet) continue;
    const count = (packet[0] ?? 0) & 0x1f;
    switch (packet[1]) {
      case SENDER_REPORT:
        feedback.push(...readReports(packet.subarray(28), count));
        break;
      case RECEIVER_REPORT:
        feedback.push(...readReports(packet.subarray(8), count));
        break;
      case GOODBYE:
        feedback.push({ kind: "bye" });
        break;
      case TRANSPORT_FEEDBACK:
        if (count === GENERIC_NACK && packet.length > FEEDBACK_HEADER) feedback.push(readNack(packet));
        // Of a few bytes that claim a thousand packets one is enough.
        else if (count === ARRIVALS && !feedback.some(({ kind }) => kind === "arrivals"))
          feedback.push({ kind: "arrivals", arrivals: readArrivals(packet) });
        break;
      case PAYLOAD_FEEDBACK:
        if (count === APPLICATION) feedback.push(...readEstimate(packet));
        else feedback.push(...readKeyframeRequests(packet, count));
        break;
      default:
        break;
    }
  }
  return feedback;
}

/** RFC 3550, section 6.4.1: padding counts itself, in its last byte. Undefined for another version, or more than there is. */
function unpadded(packet: Buffer): Buffer | undefined {
  const first = packet[0] ?? 0;
  if (first >> 6 !== VERSION) return undefined;
  if ((first & PADDED) === 0) return packet;
  const length = packet.length - (packet.at(-1) ?? 0);
  return length >= HEADER && length < packet.length ? packet.subarray(0, length) : undefined;
}

function readReports(blocks: Buffer, count: number): Feedback[] {
  const reports: Feedback[] = [];
  for (let at = 0; at + REPORT_BLOCK <= blocks.length && reports.length < count; at += REPORT_BLOCK) {
    const report = {
      fractionLost: blocks.readUInt8(at + 4) / 256,
      jitter: blocks.readUInt32BE(at + 12),
      lastSenderReport: blocks.readUInt32BE(at + 16),
      delay: blocks.readUInt32BE(at + 20),
    };
    reports.push({ kind: "report", ssrc: blocks.readUInt32BE(at), report });
  }
  return reports;
}

/** RFC 4585, section 6.2.1: a sequence number, and a bit for each of the 16 behind it. */
function readNack(packet: Buffer): Feedback {
  const lost: number[] = [];
  const end = Math.min(packet.length, FEEDBACK_HEADER + 4 * MAX_NACK_ENTRIES);
  for (let at = FEEDBACK_HEADER; at + 4 <= end; at += 4) {
    const first = packet.readUInt16BE(at);
    const following = packet.readUInt16BE(at + 2);
    lost.push(first);
    for (let bit = 0; bit < 16; bit++) {
      if ((following >> bit) & 1) lost.push((first + bit + 1) % 2 ** 16);
    }
  }
  return { kind: "nack", ssrc: packet.readUInt32BE(8), lost };
}

/** Picture loss (RFC 4585, section 6.3.1) names its stream in the header, a full intra request (RFC 5104, 4.3.1) behind. */
function readKeyframeRequests(packet: Buffer, format: number): Feedback[] {
  if (packet.length < FEEDBACK_HEADER) return [];
  if (format === PICTURE_LOSS) return [{ kind: "keyframe", ssrc: packet.readUInt32BE(8) }];
  if (format !== FULL_INTRA_REQUEST || packet.length < FEEDBACK_HEADER + 8) return [];
  return [{ kind: "keyframe", ssrc: packet.readUInt32BE(FEEDBACK_HEADER) }];
}

/** REMB: six bits of exponent, eighteen of mantissa (draft-alvestrand-rmcat-remb-03, section 2.2). */
function readEstimate(packet: Buffer): Feedback[] {
  if (packet.length < 20 || packet.toString("latin1", 12, 16) !== "REMB") return [];
  const exponent = (packet[17] ?? 0) >> 2;
  const mantissa = packet.readUIntBE(17, 3) & 0x3ffff;
  return [{ kind: "estimate", bitrate: mantissa * 2 ** exponent }];
}

/** Seconds from 1900, where NTP counts from, to 1970. */
const NTP_OFFSET = 2_208_988_800;

/** An NTP time: 32 bits of seconds, 32 bits of fraction (RFC 3550, section 4). */
export function ntpTime(time: EpochMs): { readonly seconds: number; readonly fraction: number } {
  const seconds = Math.floor(time / 1000);
  const fraction = Math.floor(((time - seconds * 1000) / 1000) * 2 ** 32);
  return { seconds: (seconds + NTP_OFFSET) % 2 ** 32, fraction };
}

/** The middle 32 bits of an NTP time: 1/65536 seconds. */
export function compactNtp(time: EpochMs): number {
  const { seconds, fraction } = ntpTime(time);
  return ((seconds % 2 ** 16) * 2 ** 16 + Math.floor(fraction / 2 ** 16)) % 2 ** 32;
}

export interface SenderReport {
  readonly ssrc: number;
  /** RTCP's lasting name for the sender (RFC 3550, section 6.5.1), at most 255 bytes. */
  readonly cname: string;
  readonly now: EpochMs;
  /** The stream's timestamp at that time. */
  readonly rtpTimestamp: number;
  readonly packets: number;
  readonly octets: number;
}

/** A sender report with its source description (RFC 3550, section 6.1). */
export function senderReport({ ssrc, cname, now, rtpTimestamp, packets, octets }: SenderReport): Buffer {
  const report = packetOf(SENDER_REPORT, 0, 24);
  const { seconds, fraction } = ntpTime(now);
  const fields = [ssrc, seconds, fraction, rtpTimestamp, packets, octets];
  for (const [n, field] of fields.entries()) report.writeUInt32BE(modulo32(field), HEADER + 4 * n);

  const name = Buffer.from(cname);
  // Item and chunk end with at least one zero, on a word's end.
  const description = packetOf(SOURCE_DESCRIPTION, 1, 4 + 4 * Math.ceil((2 + name.length + 1) / 4));
  description.writeUInt32BE(ssrc, HEADER);
  description.set([1, name.length, ...name], HEADER + 4);
  return Buffer.concat([report, description]);
}

/** Of any whole number; one below 0 counts back from 2^32. */
function modulo32(value: number): number {
  return ((value % 2 ** 32) + 2 ** 32) % 2 ** 32;
}

/** Says that the stream ends: an empty report, as every compound begins with one, and a goodbye (RFC 3550, 6.6). */
export function goodbye(ssrc: number): Buffer {
  const packets = [packetOf(RECEIVER_REPORT, 0, 4), packetOf(GOODBYE, 1, 4)];
  for (const packet of packets) packet.writeUInt32BE(ssrc, HEADER);
  return Buffer.concat(packets);
}

function packetOf(type: number, count: number, bytes: number): Buffer {
  const packet = Buffer.alloc(HEADER + bytes);
  packet.writeUInt8(0x80 | count, 0);
  packet.writeUInt8(type, 1);
  packet.writeUInt16BE(bytes / 4, 2);
  return packet;
}
