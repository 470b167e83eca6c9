/**
 * Media to one viewer, and feedback from it: the map of this folder. A rendition's packets are made once for all viewers;
 * sequence numbers, headers, encryption, retransmissions and the choice of rendition belong to each viewer's session.
 */
import type { Cancel, Clock } from "../../base/clock.ts";
import type { Reception } from "../audience/viewer.ts";
import type { Route } from "../io/route.ts";
import type { PacketizedFrame } from "../packets/history.ts";
import type { HeaderExtension, RtpStream } from "../rtp/header.ts";
import { goodbye, type ReceptionReport, readFeedback } from "../rtp/rtcp.ts";
import {
  deriveKeys,
  type MasterKey,
  type Sealer,
  type SessionKeys,
  SrtcpOpener,
  SrtcpSealer,
} from "../rtp/srtp.ts";
import { Adaptation } from "./adaptation.ts";
import { MAX_QUEUE_DELAY, MAX_QUEUE_DELAY_LOWEST } from "./pacer.ts";
import { PacketSender } from "./packet-sender.ts";
import { Repairs } from "./repairs.ts";
import { Reports } from "./reports.ts";
import { laterTimestamp, Splices } from "./splices.ts";
import { outgoingStream } from "./stream.ts";

/** What the SDP offer and answer agreed on. */
export interface MediaParameters {
  readonly media: RtpStream;
  /** Stream of retransmissions (RFC 4588); undefined if they use the media stream. */
  readonly rtx: RtpStream | undefined;
  /** Stream of parity packets (FlexFEC); undefined if the viewer takes none. */
  readonly fec?: RtpStream | undefined;
  readonly extensions: readonly HeaderExtension[];
  /** Extensions of the RTX stream, if they differ. */
  readonly rtxExtensions?: readonly HeaderExtension[];
  readonly cname: string;
}

/** What a {@link MediaSession} needs. */
export interface MediaOptions {
  readonly clock: Clock;
  /** As {@link Rounds.everySecond}. */
  readonly everySecond: (act: () => void) => Cancel;
  readonly parameters: MediaParameters;
  /** `local` encrypts what we send, `remote` what the viewer sends. */
  readonly keys: { readonly local: MasterKey; readonly remote: MasterKey };
  readonly sealerOf: (keys: SessionKeys) => Sealer;
  /** The current route to the viewer; undefined if there is none. */
  readonly route: () => Route | undefined;
  /** Requests a keyframe from the encoder. */
  readonly keyframeNeeded: () => void;
  /** Takes the reception that the viewer reports. */
  readonly received: (reception: Reception) => void;
  /** As {@link ViewerEvents.wants}; undefined if the viewer always receives the same rendition. */
  readonly wants: ((level: number) => void) | undefined;
  /** Called when the viewer sends an RTCP BYE. */
  readonly left: () => void;
  readonly counters: MediaCounters;
}

/** Totals of all viewers, for `/metrics`. */
export interface MediaCounters {
  packets: number;
  /** Retransmissions. */
  repairs: number;
  /** Packets of forward error correction. */
  parity: number;
  /** SRTCP packets that failed authentication or were replayed. */
  refusedRtcp: number;
  /** SCTP packets that no browser sends. */
  refusedSctp: number;
}

/** Sends the media of one viewer, and acts on its RTCP feedback. */
export class MediaSession {
  readonly #options: MediaOptions;
  readonly #rtcpSealer: SrtcpSealer;
  readonly #rtcpOpener: SrtcpOpener;
  readonly #sender: PacketSender;
  readonly #splices = new Splices();
  readonly #repairs: Repairs;
  readonly #reports: Reports;
  readonly #adaptation: Adaptation;
  #closed = false;

  constructor(options: MediaOptions) {
    const { clock, everySecond, parameters, keys, route, counters, keyframeNeeded, wants } = options;
    const { media, rtx, fec, extensions, rtxExtensions, cname } = parameters;
    const local = deriveKeys(keys.local);
    this.#options = options;
    this.#rtcpSealer = new SrtcpSealer(local.rtcp);
    this.#rtcpOpener = new SrtcpOpener(deriveKeys(keys.remote).rtcp);
    this.#sender = new PacketSender({
      clock,
      media: outgoingStream(media, repeatable(parameters)),
      rtx: rtx && outgoingStream(rtx, rtxExtensions ?? extensions),
      fec: fec && outgoingStream(fec, rtxExtensions ?? extensions),
      sealer: options.sealerOf(local.rtp),
      route,
      counters,
    });
    const shared = { clock, sender: this.#sender, splices: this.#splices };
    this.#repairs = new Repairs({ ...shared, counters, keyframeNeeded });
    this.#adaptation = new Adaptation({ ...shared, wants, drop: () => this.#drop() });
    this.#reports = new Reports({
      clock,
      everySecond,
      ssrc: media.ssrc,
      cname,
      sender: this.#sender,
      sendRtcp: (packet) => route()?.send(this.#rtcpSealer.seal(packet)),
    });
  }

  /** Sends a frame. Frames of another rendition than before are skipped up to its next keyframe. */
  send(frame: PacketizedFrame): void {
    const { type, fullBitrate, captured, packets } = frame;
    const [first] = packets;
    const sender = this.#sender;
    if (!first || !sender.hasRoute || this.#closed) return;
    this.#adaptation.checkSilence(this.#reports.roundTrip);
    this.#checkPacerDelay();
    const splice = this.#splices.take(frame, first.index, this.#adaptation.level, sender.media.next);
    if (!splice) return;
    if (type === "key") this.#repairs.keyframe(first.index + splice.offset);
    this.#adaptation.fullBitrate = fullBitrate;
    const last = sender.lastFrame;
    const timestamp = laterTimestamp(first.timestamp, last?.timestamp);
    if (timestamp !== first.timestamp) splice.timestamps.set(first.timestamp, timestamp);
    const parityPackets = this.#adaptation.protection.parityPackets(packets.length, this.#reports.roundTrip);
    sender.send(packets, splice.offset, timestamp, captured, parityPackets);
    // The viewer needs a report to know the capture time of the first frame.
    if (!last) this.#reports.send();
  }

  /**
   * Takes an SRTCP packet of the viewer.
   * @returns whether it is authentic and not a replay.
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

  /** Sends an RTCP BYE and frees the keys. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { route, parameters } = this.#options;
    this.#reports.close();
    this.#adaptation.close();
    route()?.send(this.#rtcpSealer.seal(goodbye(parameters.media.ssrc, parameters.cname)));
    this.#sender.close();
  }

  #take(compound: Buffer): void {
    for (const feedback of readFeedback(compound)) {
      // A BYE may have closed this session.
      if (this.#closed) return;
      if (feedback.kind === "bye") this.#options.left();
      else if (feedback.kind === "estimate") this.#adaptation.estimated(feedback.bitrate);
      else if (feedback.kind === "arrivals") this.#adaptation.arrived(feedback.arrivals);
      else if (feedback.ssrc === this.#options.parameters.media.ssrc) {
        if (feedback.kind === "keyframe") this.#options.keyframeNeeded();
        else if (feedback.kind === "nack") this.#repairs.missed(feedback.lost, this.#reports.roundTrip);
        else this.#received(feedback.report);
      }
    }
  }

  #received(report: ReceptionReport): void {
    const { fractionLost, jitter } = report;
    this.#reports.received(report);
    const { roundTrip } = this.#reports;
    this.#options.received({ fractionLost, jitter: jitter / 90, roundTrip });
    this.#adaptation.reported(fractionLost, roundTrip);
  }

  /** Gives up stale packets: steps down, or skips to a keyframe if there is no smaller rendition. */
  #checkPacerDelay(): void {
    const { isLowest } = this.#adaptation;
    if (this.#sender.queueDelay <= (isLowest ? MAX_QUEUE_DELAY_LOWEST : MAX_QUEUE_DELAY)) return;
    if (!isLowest) this.#adaptation.overran();
    else {
      this.#drop();
      this.#options.keyframeNeeded();
    }
  }

  /** Drops queued packets, and all frames before the next keyframe. */
  #drop(): void {
    this.#sender.drop();
    this.#splices.cut();
    this.#repairs.startAt(this.#sender.media.next);
  }
}

/**
 * The extensions of the media stream. If retransmissions use that stream, each must be identical to the original, so it has
 * no counter: a second header under one nonce reveals GCM's authentication key (RFC 7714, section 8.4).
 */
function repeatable({ rtx, extensions }: MediaParameters): readonly HeaderExtension[] {
  return rtx ? extensions : extensions.filter(({ data }) => data !== "counter");
}
