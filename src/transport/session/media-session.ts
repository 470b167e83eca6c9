/**
 * The media of one viewer: sequence numbers, headers, sealing, repairs and reports. What it sends is made once per
 * rendition; only header and encryption are the viewer's own.
 */
import { randomInt } from "node:crypto";
import type { Cancel, Clock, EpochMs, Millis } from "../../base/clock.ts";
import type { Reception } from "../audience/viewer.ts";
import type { Route } from "../io/route.ts";
import type { PacketHistory, PacketizedFrame } from "../packets/history.ts";
import type { MediaPacket } from "../packets/packetizer.ts";
import type { Arrival } from "../rtp/arrivals.ts";
import { type HeaderExtension, RtpHeader, type RtpStream, rtxPayload } from "../rtp/header.ts";
import { compactNtp, goodbye, type ReceptionReport, readFeedback, senderReport } from "../rtp/rtcp.ts";
import {
  deriveKeys,
  type MasterKey,
  type Sealer,
  type SessionKeys,
  SrtcpOpener,
  SrtcpSealer,
} from "../rtp/srtp.ts";
import { Congestion } from "./congestion.ts";
import { Delivery } from "./delivery.ts";
import { Pacer } from "./pacer.ts";
import { PADDING, Probe } from "./probe.ts";
import { RepairBudget } from "./repair-budget.ts";

/** What the session descriptions agreed on. */
export interface MediaParameters {
  readonly media: RtpStream;
  /** Where packets are sent again (RFC 4588); undefined sends them again on the media's own stream. */
  readonly rtx: RtpStream | undefined;
  readonly extensions: readonly HeaderExtension[];
  /** Those of packets that are sent again, where they are others. */
  readonly rtxExtensions?: readonly HeaderExtension[];
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
  /** As {@link ViewerEvents.wants}; undefined where it is sent the one rendition, whatever its network carries. */
  readonly wants: ((level: number) => void) | undefined;
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
  /** SCTP packets that no browser sends. */
  refusedSctp: number;
}

/** One SSRC: its headers, and what was sent by it. */
interface Stream {
  readonly header: RtpHeader;
  /** The index of the next packet; a repair's own. */
  next: number;
  packets: number;
  octets: number;
}

/** Packets that one rendition has sent in a row. */
interface Stretch {
  readonly history: PacketHistory;
  /** The viewer's index of its first packet. */
  readonly from: number;
  /** What turns an index of the rendition into one of this viewer's. */
  readonly offset: number;
  /**
   * The viewer's timestamps of its first frames, by the rendition's own: the one before may have shown these pictures
   * already, and a viewer throws away what is not later than what it has shown.
   */
  readonly shifted: Map<number, number>;
}

/** A packet on its way through the pacer. */
interface Outgoing {
  readonly stream: Stream;
  readonly index: number;
  readonly timestamp: number;
  readonly marker: boolean;
  readonly payload: Buffer;
  readonly bytes: number;
}

/** Bits a second at which a large frame goes before anything is known of the network. */
const FIRST_PACE = 20_000_000;

/** Of what the network is seen to carry: what is paced any slower would never show that it carries more. */
const PACE = 1.25;

/** Waiting for a queue to drain ends by then: how long it is was only estimated. */
const MAX_DRAIN: Millis = 800;

/** How often a packet is sent behind a queue that drains, to see when it comes. */
const MARK_EVERY: Millis = 100;

/** What has waited for so long is no longer live. */
const MAX_BEHIND: Millis = 300;

/** The same where there is no smaller rendition: a keyframe takes a while over what is too narrow for it. */
const MAX_BEHIND_OF_ONE: Millis = 1000;

/** Seconds between reports that tell a rate. */
const MIN_REPORT = 0.2;

/** A keyframe that has not come by then may have had no way to the viewer. */
const ASK_AGAIN: Millis = 500;

/** Stretches of which packets may still be asked for. */
const MAX_STRETCHES = 4;

export class MediaSession {
  readonly #options: MediaOptions;
  readonly #sealer: Sealer;
  readonly #rtcpSealer: SrtcpSealer;
  readonly #rtcpOpener: SrtcpOpener;
  readonly #media: Stream;
  readonly #rtx: Stream | undefined;
  readonly #repairs: RepairBudget;
  readonly #stopReporting: Cancel;
  readonly #congestion: Congestion;
  readonly #delivery: Delivery;
  readonly #probe: Probe;
  /** Undefined where the viewer does not tell of arrivals: nothing would say how fast to go. */
  readonly #pacer: Pacer<Outgoing> | undefined;
  /** Nothing more goes out of the present rendition. */
  #waitsForKeyframe = false;
  #level = 0;
  #bitrate = 0;
  /** The renditions that it was sent of late, the present one last; none before its first keyframe. */
  #stretches: Stretch[] = [];
  /** The index of its last keyframe's first packet: from there on it has to have all. */
  #keyframeAt = 0;
  /** When it was found to miss what cannot be sent again: until its next keyframe nothing repaired would be shown. */
  #beyondRepair: EpochMs | undefined;
  /** Before this, what is missed is not needed any more. */
  #repairsFrom = 0;
  #lastFrame: { readonly timestamp: number; readonly captured: EpochMs } | undefined;
  /** What was sent when the viewer reported last. */
  #reported: { readonly at: EpochMs; readonly octets: number; readonly packets: number };
  /** While a queue drains, before the rendition below is asked for. */
  #draining: { readonly end: Cancel; readonly done: () => void; readonly mark: number } | undefined;
  #closed = false;
  #roundTrip: Millis | undefined;

  constructor(options: MediaOptions) {
    const { clock, everySecond, parameters, keys, sealerOf } = options;
    const local = deriveKeys(keys.local);
    this.#options = options;
    this.#sealer = sealerOf(local.rtp);
    this.#rtcpSealer = new SrtcpSealer(local.rtcp);
    this.#rtcpOpener = new SrtcpOpener(deriveKeys(keys.remote).rtcp);
    this.#media = streamOf(parameters.media, repeatable(parameters));
    this.#rtx = parameters.rtx && streamOf(parameters.rtx, parameters.rtxExtensions ?? parameters.extensions);
    this.#repairs = new RepairBudget(clock, this.#media.next);
    this.#congestion = new Congestion(clock);
    this.#delivery = new Delivery(clock);
    this.#probe = new Probe(clock);
    if (this.#media.header.counts)
      this.#pacer = new Pacer(clock, FIRST_PACE, (packet) => this.#transmit(packet));
    this.#reported = { at: clock.now(), octets: 0, packets: 0 };
    // RFC 3550, section 6.2, has seconds between reports; each second gives a steady round trip.
    this.#stopReporting = everySecond(() => this.#report());
  }

  /** Sends a frame; of another rendition than before from a keyframe on, without which the viewer could not use it. */
  send({ type, level, bitrate, captured, packets, history }: PacketizedFrame): void {
    const [first] = packets;
    if (!first || !this.#options.route() || this.#closed) return;
    const { wants } = this.#options;
    if (this.#pacer && this.#pacer.behind > (wants ? MAX_BEHIND : MAX_BEHIND_OF_ONE)) {
      if (wants) {
        this.#congestion.overran();
        this.#adapt();
      } else {
        this.#drop();
        this.#options.keyframeNeeded();
      }
    }
    let stretch = this.#stretches.at(-1);
    if (this.#waitsForKeyframe || stretch?.history !== history) {
      if (type !== "key" || (this.#waitsForKeyframe && wants && level !== this.#level)) return;
      this.#waitsForKeyframe = false;
      const from = this.#media.next;
      stretch = { history, from, offset: from - first.index, shifted: new Map() };
      this.#stretches.push(stretch);
      if (this.#stretches.length > MAX_STRETCHES) this.#stretches.shift();
    }
    if (type === "key") {
      this.#keyframeAt = first.index + stretch.offset;
      if (this.#beyondRepair !== undefined) this.#repairsFrom = this.#keyframeAt;
      this.#beyondRepair = undefined;
    }
    this.#bitrate = bitrate;
    const isFirst = this.#lastFrame === undefined;
    const timestamp = this.#after(first.timestamp);
    if (timestamp !== first.timestamp) stretch.shifted.set(first.timestamp, timestamp);
    this.#lastFrame = { timestamp, captured };
    for (const { index: own, marker, payload } of packets) {
      const index = own + stretch.offset;
      this.#media.next = index + 1;
      const packet = outgoing(this.#media, index, timestamp, marker, payload);
      if (this.#pacer) this.#pacer.push(packet);
      else this.#transmit(packet);
    }
    // At once, so that the viewer can tell the time of capture from the first frame on.
    if (isFirst) this.#report();
  }

  /**
   * Takes a sealed RTCP packet of the viewer.
   * @returns whether it is authentic, and no copy.
   */
  receive(sealed: Buffer): boolean {
    const compound = this.#rtcpOpener.open(sealed);
    if (!compound) {
      this.#options.counters.refusedRtcp++;
      return false;
    }
    this.#take(compound);
    return true;
  }

  #take(compound: Buffer): void {
    for (const feedback of readFeedback(compound)) {
      // A goodbye may have closed this.
      if (this.#closed) return;
      if (feedback.kind === "bye") this.#options.left();
      else if (feedback.kind === "estimate") this.#congestion.estimated(feedback.bitrate);
      else if (feedback.kind === "arrivals") this.#arrived(feedback.arrivals);
      else if (feedback.ssrc === this.#options.parameters.media.ssrc) {
        if (feedback.kind === "keyframe") this.#options.keyframeNeeded();
        else if (feedback.kind === "nack") this.#missed(feedback.lost);
        else this.#received(feedback.report);
      }
    }
  }

  /** Says goodbye and frees the keys. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopReporting();
    this.#pacer?.clear();
    this.#draining?.end();
    this.#options.route()?.send(this.#rtcpSealer.seal(goodbye(this.#options.parameters.media.ssrc)));
    this.#sealer.close();
  }

  /** The timestamp, or the one behind the last where it is not later. */
  #after(timestamp: number): number {
    const last = this.#lastFrame?.timestamp;
    if (last === undefined) return timestamp;
    const ahead = (timestamp - last + 2 ** 32) % 2 ** 32;
    if (ahead > 0 && ahead < 2 ** 31) return timestamp;
    return (last + 1) % 2 ** 32;
  }

  #transmit({ stream, index, timestamp, marker, payload }: Outgoing): void {
    const route = this.#options.route();
    if (!route) return;
    const { header } = stream;
    stream.packets++;
    stream.octets += payload.length;
    this.#options.counters.packets++;
    const counter = header.counts ? this.#delivery.sent(header.length + payload.length) : 0;
    route.sendMedia(this.#sealer, header.write(index, timestamp, marker, counter), payload, index);
  }

  /** Repairs what it can. Where that is not all the viewer needs a keyframe, and asks for one only after a while. */
  #missed(sequenceNumbers: readonly number[]): void {
    const missed = sequenceNumbers.map((number) => lastWith(number, this.#media.next));
    const now = this.#options.clock.now();
    const mayAsk = now - (this.#beyondRepair ?? Number.NEGATIVE_INFINITY) >= ASK_AGAIN;
    if (mayAsk && missed.some((index) => this.#isNeeded(index) && !this.#find(index))) {
      this.#beyondRepair = now;
      this.#options.keyframeNeeded();
    }
    if (this.#beyondRepair !== undefined) return;
    for (const index of missed) if (index >= this.#repairsFrom) this.#repair(index);
  }

  /** Whether there is no picture without it. */
  #isNeeded(index: number): boolean {
    return this.#stretches.length > 0 && index >= this.#keyframeAt;
  }

  #find(index: number): { readonly stretch: Stretch; readonly packet: MediaPacket } | undefined {
    // Before that a rendition has packets too, but none that were this viewer's.
    const stretch = this.#stretches.findLast(({ from }) => from <= index);
    const packet = stretch?.history.find(index - stretch.offset);
    return stretch && packet && { stretch, packet };
  }

  #repair(index: number): void {
    const found = this.#find(index);
    if (!found || !this.#repairs.allows(index, this.#roundTrip ?? 0, this.#media.next)) return;
    const { stretch, packet } = found;
    this.#options.counters.repairs++;
    const timestamp = stretch.shifted.get(packet.timestamp) ?? packet.timestamp;
    const { marker, payload } = packet;
    const repair = this.#rtx
      ? outgoing(this.#rtx, this.#rtx.next++, timestamp, marker, rtxPayload(index, payload))
      : outgoing(this.#media, index, timestamp, marker, payload);
    if (this.#pacer) this.#pacer.urgent(repair);
    else this.#transmit(repair);
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
    this.#reportedLoss(fractionLost);
  }

  #reportedLoss(fractionLost: number): void {
    const now = this.#options.clock.now();
    const seconds = (now - this.#reported.at) / 1000;
    // Browsers may send several at once.
    if (seconds < MIN_REPORT) return;
    const { octets, packets } = this.#media;
    const sent = ((octets - this.#reported.octets) * 8) / seconds;
    const since = packets - this.#reported.packets;
    this.#reported = { at: now, octets, packets };
    this.#congestion.reported({ fractionLost, roundTrip: this.#roundTrip, sent, packets: since });
    this.#adapt();
  }

  #arrived(arrivals: readonly Arrival[]): void {
    const state = this.#delivery.told(arrivals);
    if (!state || !this.#pacer) return;
    if (state.capacityNow !== undefined) this.#pacer.rate = PACE * state.capacityNow;
    this.#congestion.measured(state, this.#bitrate);
    // What was sent behind the queue has come: nothing is left of it.
    if (this.#draining && this.#delivery.cameUpTo >= this.#draining.mark) this.#draining.done();
    this.#adapt(state.queue);
    this.#seekRoom();
  }

  #seekRoom(): void {
    if (!this.#options.wants || this.#waitsForKeyframe) return;
    const needs = this.#congestion.seeksRoomFor;
    const packets = this.#probe.due(needs && needs * this.#bitrate);
    for (let n = 0; n < packets; n++) this.#pad();
  }

  /** Sends a packet that shows nothing, at once: on the stream for repairs, whose numbers nobody misses. */
  #pad(): void {
    const route = this.#options.route();
    if (!route || !this.#rtx || !this.#lastFrame) return;
    const { header } = this.#rtx;
    const counter = this.#delivery.sent(header.length + PADDING.length);
    const index = this.#rtx.next++;
    const bytes = header.write(index, this.#lastFrame.timestamp, false, counter, true);
    route.sendMedia(this.#sealer, bytes, PADDING, index);
  }

  /** @param queue what stands in the network. */
  #adapt(queue: Millis = 0): void {
    const before = this.#level;
    const { level } = this.#congestion;
    const { wants } = this.#options;
    if (level === before || !wants) return;
    this.#level = level;
    // What the network does not carry would only stand before what it does.
    if (level > before) this.#drop();
    this.#draining?.end();
    // Behind what stands there a keyframe would be late, or find no room.
    const wait = level > before ? Math.min(queue, MAX_DRAIN) : 0;
    if (wait === 0) wants(level);
    else this.#drain(wait, () => wants(level));
  }

  /** Acts once the queue has drained, as far as can be seen, and by then at the latest. */
  #drain(wait: Millis, act: () => void): void {
    const { clock } = this.#options;
    const done = () => {
      end();
      act();
    };
    const cancels = [clock.after(wait, done), clock.every(MARK_EVERY, () => this.#pad())];
    const end = () => {
      for (const cancel of cancels) cancel();
      this.#draining = undefined;
    };
    this.#draining = { end, done, mark: this.#delivery.next };
    this.#pad();
  }

  /** Leaves out what waits, and all until the next keyframe. */
  #drop(): void {
    const [unsent] = this.#pacer?.clear() ?? [];
    if (unsent) this.#media.next = unsent.index;
    // Nor is anything repaired that nobody will see.
    this.#stretches = [];
    this.#repairsFrom = this.#media.next;
    this.#waitsForKeyframe = true;
  }
}

function outgoing(
  stream: Stream,
  index: number,
  timestamp: number,
  marker: boolean,
  payload: Buffer,
): Outgoing {
  return { stream, index, timestamp, marker, payload, bytes: payload.length };
}

/**
 * The extensions of the media's stream. Where packets are sent again on it they are the same byte for byte, without a
 * counter: another header under the same nonce would give GCM's authentication key away (RFC 7714, section 8.4).
 */
function repeatable({ rtx, extensions }: MediaParameters): readonly HeaderExtension[] {
  return rtx ? extensions : extensions.filter(({ data }) => data !== "counter");
}

/** Starts in the lower half of the sequence numbers: who misses the first packets still counts roll-overs right. */
function streamOf(stream: RtpStream, extensions: readonly HeaderExtension[]): Stream {
  const start = randomInt(1, 2 ** 15);
  return { header: new RtpHeader(stream, extensions), next: start, packets: 0, octets: 0 };
}

/** The last index before `next` that has this sequence number: nothing later can be missed yet. */
function lastWith(sequenceNumber: number, next: number): number {
  const behind = (((next - 1 - sequenceNumber) % 2 ** 16) + 2 ** 16) % 2 ** 16;
  return next - 1 - behind;
}
