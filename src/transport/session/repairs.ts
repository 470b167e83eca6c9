/** Answers the NACKs of one viewer: retransmits packets, or requests a keyframe if it cannot. */
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import { rtxPayload } from "../rtp/header.ts";
import type { PacketSender } from "./packet-sender.ts";
import { RepairBudget } from "./repair-budget.ts";
import type { Splices } from "./splices.ts";
import { indexOf, outgoingPacket } from "./stream.ts";

/** Time between keyframe requests: the previous keyframe may have been lost on its way to the viewer. */
const KEYFRAME_REQUEST_INTERVAL: Millis = 500;

/** What {@link Repairs} needs. */
export interface RepairsOptions {
  readonly clock: Clock;
  readonly sender: PacketSender;
  readonly splices: Splices;
  readonly counters: { repairs: number };
  /** Requests a keyframe from the encoder. */
  readonly keyframeNeeded: () => void;
}

/** The retransmissions to one viewer. */
export class Repairs {
  readonly #clock: Clock;
  readonly #sender: PacketSender;
  readonly #splices: Splices;
  readonly #counters: { repairs: number };
  readonly #keyframeNeeded: () => void;
  readonly #budget: RepairBudget;
  /** Index of the last keyframe's first packet. Decoding needs every packet from here on. */
  #keyframeIndex = 0;
  /** When a keyframe was requested because a packet is lost. Retransmissions are useless until it is sent. */
  #requestedAt: EpochMs | undefined;
  /** Earlier packets are no longer needed. */
  #firstIndex = 0;

  constructor({ clock, sender, splices, counters, keyframeNeeded }: RepairsOptions) {
    this.#clock = clock;
    this.#sender = sender;
    this.#splices = splices;
    this.#counters = counters;
    this.#keyframeNeeded = keyframeNeeded;
    this.#budget = new RepairBudget(clock, sender.media.next);
  }

  /** Notes a keyframe that is sent now, by the index of its first packet. */
  keyframe(index: number): void {
    this.#keyframeIndex = index;
    if (this.#requestedAt !== undefined) this.#firstIndex = index;
    this.#requestedAt = undefined;
  }

  /** Ignores packets before this index from now on. */
  startAt(index: number): void {
    this.#firstIndex = index;
  }

  /**
   * Retransmits the packets of a NACK. If one of them is no longer available, requests a keyframe instead.
   * @param roundTrip to the viewer; undefined if unknown.
   */
  missed(sequenceNumbers: readonly number[], roundTrip: Millis | undefined): void {
    const { next } = this.#sender.media;
    const missed = sequenceNumbers.map((number) => indexOf(number, next));
    const now = this.#clock.now();
    const mayRequest = now - (this.#requestedAt ?? Number.NEGATIVE_INFINITY) >= KEYFRAME_REQUEST_INTERVAL;
    if (mayRequest && missed.some((index) => this.#isNeeded(index) && !this.#splices.find(index))) {
      this.#requestedAt = now;
      this.#keyframeNeeded();
    }
    if (this.#requestedAt !== undefined) return;
    for (const index of missed) if (index >= this.#firstIndex) this.#repair(index, roundTrip ?? 0);
  }

  #isNeeded(index: number): boolean {
    return !this.#splices.isEmpty && index >= this.#keyframeIndex;
  }

  #repair(index: number, roundTrip: Millis): void {
    const found = this.#splices.find(index);
    const { media, rtx } = this.#sender;
    if (!found || !this.#budget.allows(index, roundTrip, media.next)) return;
    const { splice, packet } = found;
    this.#counters.repairs++;
    const timestamp = splice.timestamps.get(packet.timestamp) ?? packet.timestamp;
    const { marker, payload } = packet;
    this.#sender.retransmit(
      rtx
        ? outgoingPacket(rtx, rtx.next++, timestamp, marker, rtxPayload(index, payload))
        : outgoingPacket(media, index, timestamp, marker, payload),
    );
  }
}
