/** Reads the RTCP feedback of a viewer and writes our RTCP packets (RFC 3550, section 6; RFC 4585; RFC 5104). */
import type { EpochMs } from "../../base/clock.ts";
import { type Arrival, readArrivals } from "./arrivals.ts";

/** One piece of feedback, with the SSRC that it is about. */
export type Feedback =
  | { readonly kind: "report"; readonly ssrc: number; readonly report: ReceptionReport }
  /** 16-bit sequence numbers of lost packets. */
  | { readonly kind: "nack"; readonly ssrc: number; readonly lost: readonly number[] }
  | { readonly kind: "keyframe"; readonly ssrc: number }
  /** REMB: the receiver's bandwidth estimate in bits per second. */
  | { readonly kind: "estimate"; readonly bitrate: number }
  /** Transport-wide feedback. */
  | { readonly kind: "arrivals"; readonly arrivals: readonly Arrival[] }
  | { readonly kind: "bye" };

/** A report block (RFC 3550, section 6.4.1). */
export interface ReceptionReport {
  /** Share of lost packets since the previous report, 0 to 1. */
  readonly fractionLost: number;
  /** In ticks of the stream's clock. */
  readonly jitter: number;
  /** Middle 32 bits of the NTP time of the last sender report received; 0 for none. */
  readonly lastSenderReport: number;
  /** Time since that report was received, in 1/65536 seconds. */
  readonly delay: number;
}

/** Bytes of a packet's header. It has the length in 32-bit words less one (RFC 3550, section 6.4.1). */
const HEADER_BYTES = 4;
const VERSION = 2;
const PADDING_BIT = 0x20;

/** Packets read from one compound; browsers send three or four. */
const MAX_PACKETS = 16;

/** Packet types. */
const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const SOURCE_DESCRIPTION = 202;
const GOODBYE = 203;
const TRANSPORT_FEEDBACK = 205;
const PAYLOAD_FEEDBACK = 206;
/** Feedback message types of the last two. */
const GENERIC_NACK = 1;
const TRANSPORT_WIDE_FEEDBACK = 15;
const PICTURE_LOSS_INDICATION = 1;
const FULL_INTRA_REQUEST = 4;
const APPLICATION_LAYER_FEEDBACK = 15;

const REPORT_BLOCK_BYTES = 24;
/** Header, sender SSRC and media SSRC. */
const FEEDBACK_HEADER_BYTES = 12;

/** Entries read from one NACK; each covers up to 17 packets. */
const MAX_NACK_ENTRIES = 32;

/** Reads a decrypted compound packet. Skips packets that are malformed or not needed. */
export function readFeedback(compound: Buffer): Feedback[] {
  const feedback: Feedback[] = [];
  let packets = 0;
  for (let at = 0; at + HEADER_BYTES <= compound.length && packets < MAX_PACKETS; packets++) {
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
        if (count === GENERIC_NACK && packet.length > FEEDBACK_HEADER_BYTES) feedback.push(readNack(packet));
        // One per compound: a message of a few bytes can cover a thousand packets.
        else if (count === TRANSPORT_WIDE_FEEDBACK && !feedback.some(({ kind }) => kind === "arrivals"))
          feedback.push({ kind: "arrivals", arrivals: readArrivals(packet) });
        break;
      case PAYLOAD_FEEDBACK:
        if (count === APPLICATION_LAYER_FEEDBACK) feedback.push(...readEstimate(packet));
        else feedback.push(...readKeyframeRequests(packet, count));
        break;
      default:
        break;
    }
  }
  return feedback;
}

/** The packet without padding (RFC 3550, section 6.4.1); undefined if the version or the padding is invalid. */
function unpadded(packet: Buffer): Buffer | undefined {
  const first = packet[0] ?? 0;
  if (first >> 6 !== VERSION) return undefined;
  if ((first & PADDING_BIT) === 0) return packet;
  const length = packet.length - (packet.at(-1) ?? 0);
  return length >= HEADER_BYTES && length < packet.length ? packet.subarray(0, length) : undefined;
}

function readReports(blocks: Buffer, count: number): Feedback[] {
  const reports: Feedback[] = [];
  for (
    let at = 0;
    at + REPORT_BLOCK_BYTES <= blocks.length && reports.length < count;
    at += REPORT_BLOCK_BYTES
  ) {
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

/** Generic NACK: a sequence number and a bit for each of the next 16 (RFC 4585, section 6.2.1). */
function readNack(packet: Buffer): Feedback {
  const lost: number[] = [];
  const end = Math.min(packet.length, FEEDBACK_HEADER_BYTES + 4 * MAX_NACK_ENTRIES);
  for (let at = FEEDBACK_HEADER_BYTES; at + 4 <= end; at += 4) {
    const first = packet.readUInt16BE(at);
    const following = packet.readUInt16BE(at + 2);
    lost.push(first);
    for (let bit = 0; bit < 16; bit++) {
      if ((following >> bit) & 1) lost.push((first + bit + 1) % 2 ** 16);
    }
  }
  return { kind: "nack", ssrc: packet.readUInt32BE(8), lost };
}

/** PLI has the SSRC in its header (RFC 4585, section 6.3.1), FIR in its body (RFC 5104, section 4.3.1). */
function readKeyframeRequests(packet: Buffer, format: number): Feedback[] {
  if (packet.length < FEEDBACK_HEADER_BYTES) return [];
  if (format === PICTURE_LOSS_INDICATION) return [{ kind: "keyframe", ssrc: packet.readUInt32BE(8) }];
  if (format !== FULL_INTRA_REQUEST || packet.length < FEEDBACK_HEADER_BYTES + 8) return [];
  return [{ kind: "keyframe", ssrc: packet.readUInt32BE(FEEDBACK_HEADER_BYTES) }];
}

/** REMB: 6 bits of exponent and 18 of mantissa (draft-alvestrand-rmcat-remb-03, section 2.2). */
function readEstimate(packet: Buffer): Feedback[] {
  if (packet.length < 20 || packet.toString("latin1", 12, 16) !== "REMB") return [];
  const exponent = (packet[17] ?? 0) >> 2;
  const mantissa = packet.readUIntBE(17, 3) & 0x3ffff;
  return [{ kind: "estimate", bitrate: mantissa * 2 ** exponent }];
}

/** Seconds from the NTP epoch (1900) to the Unix epoch (1970). */
const NTP_OFFSET = 2_208_988_800;

/** The NTP time: 32 bits of seconds and 32 bits of fraction (RFC 3550, section 4). */
export function ntpTime(time: EpochMs): { readonly seconds: number; readonly fraction: number } {
  const seconds = Math.floor(time / 1000);
  const fraction = Math.floor(((time - seconds * 1000) / 1000) * 2 ** 32);
  return { seconds: (seconds + NTP_OFFSET) % 2 ** 32, fraction };
}

/** The middle 32 bits of the NTP time, in 1/65536 seconds (RFC 3550, section 4). */
export function compactNtp(time: EpochMs): number {
  const { seconds, fraction } = ntpTime(time);
  return ((seconds % 2 ** 16) * 2 ** 16 + Math.floor(fraction / 2 ** 16)) % 2 ** 32;
}

/** What a sender report says. */
export interface SenderReport {
  readonly ssrc: number;
  /** Canonical name of the sender, at most 255 bytes (RFC 3550, section 6.5.1). */
  readonly cname: string;
  readonly now: EpochMs;
  /** RTP timestamp at `now`, 90 kHz. */
  readonly rtpTimestamp: number;
  readonly packets: number;
  readonly octets: number;
}

/** Writes a compound of sender report and source description (RFC 3550, section 6.1). */
export function senderReport({ ssrc, cname, now, rtpTimestamp, packets, octets }: SenderReport): Buffer {
  const report = packetOf(SENDER_REPORT, 0, 24);
  const { seconds, fraction } = ntpTime(now);
  const fields = [ssrc, seconds, fraction, rtpTimestamp, packets, octets];
  for (const [n, field] of fields.entries()) report.writeUInt32BE(modulo32(field), HEADER_BYTES + 4 * n);
  return Buffer.concat([report, sourceDescription(ssrc, cname)]);
}

/** Wraps an integer to 32 bits; negative values count back from 2^32. */
function modulo32(value: number): number {
  return ((value % 2 ** 32) + 2 ** 32) % 2 ** 32;
}

/**
 * Writes a BYE (RFC 3550, section 6.6), after the empty report and the name that every compound has (section 6.1).
 * @param cname as in {@link SenderReport}.
 */
export function goodbye(ssrc: number, cname: string): Buffer {
  const [report, bye] = [packetOf(RECEIVER_REPORT, 0, 4), packetOf(GOODBYE, 1, 4)];
  for (const packet of [report, bye]) packet.writeUInt32BE(ssrc, HEADER_BYTES);
  return Buffer.concat([report, sourceDescription(ssrc, cname), bye]);
}

function sourceDescription(ssrc: number, cname: string): Buffer {
  const name = Buffer.from(cname);
  // The chunk ends with at least one zero byte and is padded to whole words.
  const description = packetOf(SOURCE_DESCRIPTION, 1, 4 + 4 * Math.ceil((2 + name.length + 1) / 4));
  description.writeUInt32BE(ssrc, HEADER_BYTES);
  description.set([1, name.length, ...name], HEADER_BYTES + 4);
  return description;
}

function packetOf(type: number, count: number, bytes: number): Buffer {
  const packet = Buffer.alloc(HEADER_BYTES + bytes);
  packet.writeUInt8(0x80 | count, 0);
  packet.writeUInt8(type, 1);
  packet.writeUInt16BE(bytes / 4, 2);
  return packet;
}
