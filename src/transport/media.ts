/**
 * The media of one viewer: sequence numbers, headers, sealing, repairs and reports. What it sends is made once per
 * rendition; only header and encryption are the viewer's own.
 */
import { randomInt } from "node:crypto";
import type { Cancel, Clock, EpochMs, Millis } from "../timing.ts";
import type { PacketHistory, PacketizedFrame } from "./history.ts";
import type { MediaPacket } from "./packetizer.ts";
import { RepairBudget } from "./repair.ts";
import type { Route } from "./route.ts";
import { compactNtp, goodbye, type ReceptionReport, readFeedback, senderReport } from "./rtcp.ts";
import { type HeaderExtension, RtpHeader, type RtpStream, rtxPayload } from "./rtp.ts";
import {
  deriveKeys,
  type MasterKey,
  type Sealer,
  type SessionKeys,
  SrtcpOpener,
  SrtcpSealer,
} from "./srtp.ts";
import type { Reception } from "./viewer.ts";

/** What the session descriptions agreed on. */
export interface MediaParameters {
  readonly media: RtpStream;
  /** Where packets are sent again (RFC 4588); undefined sends them again on the media's own stream. */
  readonly rtx: RtpStream | undefined;
  readonly extensions: readonly HeaderExtension[];
  readonly cname: string;
}

export interface MediaOptions {
  readonly clock: Clock;
  /** As {@link Rounds.everySecond}. */
  readonly everySecond: (act: () => void) => Cancel;
  readonly parameters: MediaParameters;
  /** Of what we send, and of what the viewer sends. */
  readonly keys: { readonly local: MasterKey; readonly remote: MasterKey };
  readonly sealerOf: (keys: SessionKeys) => Sealer;
  /** The present way to the viewer. */
  readonly route: () => Route | undefined;
  readonly keyframeNeeded: () => void;
  readonly received: (reception: Reception) => void;
  /** The viewer said goodbye. */
  readonly left: () => void;
  readonly counters: MediaCounters;
}

/** Of all viewers together, for `/metrics`. */
export interface MediaCounters {
  packets: number;
  repairs: number;
  /** Sealed RTCP that could not be opened: garbage, forged or replayed. */
  refusedRtcp: number;
}

/** One SSRC: its headers, and what was sent by it. */
interface Stream {
  readonly header: RtpHeader;
  /** The index of its first packet. */
  readonly start: number;
  /** The index of the next packet; a repair's own. */
  next: number;
  packets: number;
  octets: number;
}

export class MediaSession {
  readonly #options: MediaOptions;
  readonly #sealer: Sealer;
  readonly #rtcpSealer: SrtcpSealer;
  readonly #rtcpOpener: SrtcpOpener;
  readonly #media: Stream;
  readonly #rtx: Stream | undefined;
  readonly #repairs: RepairBudget;
  readonly #stopReporting: Cancel;
  /** What turns an index of the rendition into one of this viewer's; undefined before its first keyframe. */
  #offset: number | undefined;
  #history: PacketHistory | undefined;
  #lastFrame: { readonly timestamp: number; readonly captured: EpochMs } | undefined;
  #closed = false;
  #roundTrip: Millis | undefined;

  constructor(options: MediaOptions) {
    const { clock, everySecond, parameters, keys, sealerOf } = options;
    const local = deriveKeys(keys.local);
    this.#options = options;
    this.#sealer = sealerOf(local.rtp);
    this.#rtcpSealer = new SrtcpSealer(local.rtcp);
    this.#rtcpOpener = new SrtcpOpener(deriveKeys(keys.remote).rtcp);
    this.#media = streamOf(parameters.media, parameters.extensions);
    this.#rtx = parameters.rtx && streamOf(parameters.rtx, parameters.extensions);
    this.#repairs = new RepairBudget(clock);
    // RFC 3550, section 6.2, has seconds between reports; each second gives a steady round trip.
    this.#stopReporting = everySecond(() => this.#report());
  }

  /** Sends a frame; nothing before the first keyframe, which the viewer could not use. */
  send({ type, captured, packets, history }: PacketizedFrame): void {
    const [first] = packets;
    const route = this.#options.route();
    if (!first || !route || this.#closed) return;
    if (this.#offset === undefined) {
      if (type !== "key") return;
      this.#offset = this.#media.next - first.index;
    }
    this.#history = history;
    const isFirst = this.#lastFrame === undefined;
    this.#lastFrame = { timestamp: first.timestamp, captured };
    for (const packet of packets) {
      const index = packet.index + this.#offset;
      this.#media.next = index + 1;
      this.#push(route, this.#media, index, packet, packet.payload);
    }
    // At once, so that the viewer can tell the time of capture from the first frame on.
    if (isFirst) this.#report();
  }

  /** Takes a sealed RTCP packet of the viewer. */
  receive(sealed: Buffer): void {
    const compound = this.#rtcpOpener.open(sealed);
    if (!compound) {
      this.#options.counters.refusedRtcp++;
      return;
    }
    for (const feedback of readFeedback(compound)) {
      // A goodbye may have closed this.
      if (this.#closed) return;
      if (feedback.kind === "bye") this.#options.left();
      else if (feedback.ssrc === this.#options.parameters.media.ssrc) {
        if (feedback.kind === "keyframe") this.#options.keyframeNeeded();
        else if (feedback.kind === "nack") for (const number of feedback.lost) this.#repair(number);
        else this.#received(feedback.report);
      }
    }
  }

  /** Says goodbye and frees the keys. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopReporting();
    this.#options.route()?.send(this.#rtcpSealer.seal(goodbye(this.#options.parameters.media.ssrc)));
    this.#sealer.close();
  }

  #push(route: Route, stream: Stream, index: number, packet: MediaPacket, payload: Buffer): void {
    stream.packets++;
    stream.octets += payload.length;
    this.#options.counters.packets++;
    route.sendMedia(
      this.#sealer,
      stream.header.write(index, packet.timestamp, packet.marker),
      payload,
      index,
    );
  }

  #repair(sequenceNumber: number): void {
    const route = this.#options.route();
    if (this.#offset === undefined || !route) return;
    const index = lastWith(sequenceNumber, this.#media.next);
    // Before its start the rendition has packets too, but none that were this viewer's.
    if (index < this.#media.start) return;
    const packet = this.#history?.find(index - this.#offset);
    if (!packet || !this.#repairs.allows(index, this.#roundTrip ?? 0)) return;
    this.#options.counters.repairs++;
    if (!this.#rtx) this.#push(route, this.#media, index, packet, packet.payload);
    else this.#push(route, this.#rtx, this.#rtx.next++, packet, rtxPayload(index, packet.payload));
  }

  #report(): void {
    const { clock, parameters, route } = this.#options;
    if (!this.#lastFrame) return;
    const now = clock.now();
    const ticks = Math.round((now - this.#lastFrame.captured) * 90);
    const report = senderReport({
      ssrc: parameters.media.ssrc,
      cname: parameters.cname,
      now,
      rtpTimestamp: this.#lastFrame.timestamp + ticks,
      packets: this.#media.packets,
      octets: this.#media.octets,
    });
    route()?.send(this.#rtcpSealer.seal(report));
  }

  /** RFC 3550, section 6.4.1: the round trip is the time since our report, less what the viewer held it for. */
  #received({ fractionLost, jitter, lastSenderReport, delay }: ReceptionReport): void {
    const elapsed = (compactNtp(this.#options.clock.now()) - lastSenderReport - delay + 2 ** 33) % 2 ** 32;
    // On a short way the viewer's rounding can make it less than nothing.
    const short = elapsed >= 2 ** 31 ? 0 : elapsed;
    if (lastSenderReport !== 0) this.#roundTrip = (short / 65_536) * 1000;
    this.#options.received({ fractionLost, jitter: jitter / 90, roundTrip: this.#roundTrip });
  }
}

/** Starts in the lower half of the sequence numbers: who misses the first packets still counts roll-overs right. */
function streamOf(stream: RtpStream, extensions: readonly HeaderExtension[]): Stream {
  const start = randomInt(1, 2 ** 15);
  return { header: new RtpHeader(stream, extensions), start, next: start, packets: 0, octets: 0 };
}

/** The last index before `next` that has this sequence number: nothing later can be missed yet. */
function lastWith(sequenceNumber: number, next: number): number {
  const behind = (((next - 1 - sequenceNumber) % 2 ** 16) + 2 ** 16) % 2 ** 16;
  return next - 1 - behind;
}
