/** Sends the packets of one viewer: paces, numbers and seals them, and records them for bandwidth estimation. */
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import type { Route } from "../io/route.ts";
import type { MediaPacket } from "../packets/packetizer.ts";
import { FrameParity, MAX_PROTECTED_PACKETS } from "../rtp/flexfec.ts";
import type { Sealer } from "../rtp/srtp.ts";
import { BandwidthEstimate } from "./bandwidth-estimate.ts";
import { Pacer } from "./pacer.ts";
import { PADDING } from "./probe.ts";
import { type OutgoingPacket, type OutgoingStream, outgoingPacket } from "./stream.ts";

/** Bits per second at which the pacer starts, before the capacity is known. */
const INITIAL_PACING_RATE = 20_000_000;

/** What a {@link PacketSender} needs. */
export interface PacketSenderOptions {
  readonly clock: Clock;
  readonly media: OutgoingStream;
  /** Undefined if retransmissions use the media stream. */
  readonly rtx: OutgoingStream | undefined;
  /** Undefined if the viewer takes no parity packets. */
  readonly fec: OutgoingStream | undefined;
  readonly sealer: Sealer;
  /** The current route; undefined if there is none. */
  readonly route: () => Route | undefined;
  readonly counters: { packets: number; parity: number };
}

/** Sends one viewer's media, retransmissions and padding. */
export class PacketSender {
  readonly media: OutgoingStream;
  readonly rtx: OutgoingStream | undefined;
  readonly fec: OutgoingStream | undefined;
  /** What arrived, if the viewer sends transport-wide feedback. */
  readonly estimate: BandwidthEstimate;
  readonly #sealer: Sealer;
  readonly #route: () => Route | undefined;
  readonly #counters: { packets: number; parity: number };
  /** Undefined if the viewer sends no transport-wide feedback: nothing would set the pacing rate. */
  readonly #pacer: Pacer<OutgoingPacket> | undefined;
  #lastFrame: { readonly timestamp: number; readonly captured: EpochMs } | undefined;

  constructor({ clock, media, rtx, fec, sealer, route, counters }: PacketSenderOptions) {
    this.media = media;
    this.rtx = rtx;
    this.fec = fec;
    this.estimate = new BandwidthEstimate(clock);
    this.#sealer = sealer;
    this.#route = route;
    this.#counters = counters;
    if (media.header.counts)
      this.#pacer = new Pacer(clock, INITIAL_PACING_RATE, (packet) => this.#transmit(packet));
  }

  /** Whether a pacer limits the rate. */
  get isPaced(): boolean {
    return this.#pacer !== undefined;
  }

  /** How long the oldest media packet has waited in the pacer. */
  get queueDelay(): Millis {
    return this.#pacer?.queueDelay ?? 0;
  }

  /** Whether there is a route to the viewer. */
  get hasRoute(): boolean {
    return this.#route() !== undefined;
  }

  /** RTP timestamp and capture time of the last frame; undefined before the first one. */
  get lastFrame(): { readonly timestamp: number; readonly captured: EpochMs } | undefined {
    return this.#lastFrame;
  }

  /** Sets the pacing rate, in bits per second. */
  pace(rate: number): void {
    if (this.#pacer) this.#pacer.rate = rate;
  }

  /**
   * Sends a frame.
   * @param offset from the rendition's packet indexes to the viewer's.
   * @param timestamp the viewer's RTP timestamp, 90 kHz.
   * @param parityPackets that follow the frame; ignored without {@link fec}.
   */
  send(
    packets: readonly MediaPacket[],
    offset: number,
    timestamp: number,
    captured: EpochMs,
    parityPackets = 0,
  ): void {
    this.#lastFrame = { timestamp, captured };
    const first = (packets[0]?.index ?? 0) + offset;
    const isProtected = this.fec && parityPackets > 0 && packets.length <= MAX_PROTECTED_PACKETS;
    const parity = isProtected ? new FrameParity(this.media.header.ssrc, first, parityPackets) : undefined;
    for (const { index: own, marker, payload } of packets) {
      const index = own + offset;
      this.media.next = index + 1;
      const packet = { ...outgoingPacket(this.media, index, timestamp, marker, payload), parity };
      if (this.#pacer) this.#pacer.push(packet);
      else this.#transmit(packet);
    }
  }

  /** Sends a retransmission or parity, ahead of all media in the pacer. */
  retransmit(packet: OutgoingPacket): void {
    if (this.#pacer) this.#pacer.urgent(packet);
    else this.#transmit(packet);
  }

  /** Sends a padding packet immediately. It uses the RTX stream, where a gap in the sequence numbers does no harm. */
  pad(): void {
    const route = this.#route();
    if (!route || !this.rtx || !this.#lastFrame) return;
    const { header } = this.rtx;
    const counter = this.estimate.sent(header.length + PADDING.length);
    const index = this.rtx.next++;
    const bytes = header.write(index, this.#lastFrame.timestamp, false, counter, true);
    route.sendMedia(this.#sealer, bytes, PADDING, index);
  }

  /** Drops what the pacer holds. The next packet takes the sequence number of the first dropped one. */
  drop(): void {
    const [unsent] = this.#pacer?.clear() ?? [];
    if (unsent) this.media.next = unsent.index;
  }

  /** Stops sending and frees the keys. */
  close(): void {
    this.#pacer?.clear();
    this.#sealer.close();
  }

  #transmit({ stream, index, timestamp, marker, payload, parity }: OutgoingPacket): void {
    const route = this.#route();
    if (!route) return;
    const { header } = stream;
    stream.packets++;
    stream.octets += payload.length;
    this.#counters.packets++;
    const counter = header.counts ? this.estimate.sent(header.length + payload.length) : 0;
    const written = header.write(index, timestamp, marker, counter);
    parity?.add(written, payload, index);
    route.sendMedia(this.#sealer, written, payload, index);
    if (parity && marker) this.#sendParity(parity, timestamp);
  }

  #sendParity(parity: FrameParity, timestamp: number): void {
    const { fec } = this;
    if (!fec) return;
    for (const payload of parity.payloads()) {
      this.#counters.parity++;
      this.retransmit(outgoingPacket(fec, fec.next++, timestamp, false, payload));
    }
  }
}
