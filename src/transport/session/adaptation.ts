/**
 * Switches one viewer between renditions: passes its feedback to congestion control, requests the level that congestion
 * control chooses, and sends probes for it.
 */
import type { Cancel, Clock, EpochMs, Millis } from "../../base/clock.ts";
import type { Arrival } from "../rtp/arrivals.ts";
import { Congestion } from "./congestion.ts";
import type { PacketSender } from "./packet-sender.ts";
import { Probe } from "./probe.ts";
import type { Splices } from "./splices.ts";

/** Pacing rate as a multiple of the measured capacity. A rate below it could never show that the capacity has grown. */
const PACING_FACTOR = 1.25;

/** Longest wait for a network queue to drain: its length is only an estimate. */
const MAX_DRAIN_TIME: Millis = 800;

/** While a queue drains, a marker packet is sent at this interval; its arrival shows that the queue is empty. */
const MARKER_INTERVAL: Millis = 100;

/** Seconds that two reports must be apart to give a bitrate. Browsers may send several at the same time. */
const MIN_REPORT_INTERVAL = 0.2;

/** What {@link Adaptation} needs. */
export interface AdaptationOptions {
  readonly clock: Clock;
  readonly sender: PacketSender;
  readonly splices: Splices;
  /** Requests a level; undefined if the viewer always receives the same rendition. */
  readonly wants: ((level: number) => void) | undefined;
  /** Drops queued packets, and all frames before the next keyframe. */
  readonly drop: () => void;
}

/** The choice of rendition for one viewer. */
export class Adaptation {
  /** Bits per second that the current rendition aims at. */
  bitrate = 0;
  readonly #clock: Clock;
  readonly #sender: PacketSender;
  readonly #splices: Splices;
  readonly #wants: ((level: number) => void) | undefined;
  readonly #drop: () => void;
  readonly #congestion: Congestion;
  readonly #probe: Probe;
  /** Totals at the viewer's last receiver report. */
  #reported: { readonly at: EpochMs; readonly octets: number; readonly packets: number };
  /** Set while a queue drains, before the lower level is requested. */
  #draining: { readonly end: Cancel; readonly done: () => void; readonly marker: number } | undefined;

  constructor({ clock, sender, splices, wants, drop }: AdaptationOptions) {
    this.#clock = clock;
    this.#sender = sender;
    this.#splices = splices;
    this.#wants = wants;
    this.#drop = drop;
    this.#congestion = new Congestion(clock);
    this.#probe = new Probe(clock);
    this.#reported = { at: clock.now(), octets: 0, packets: 0 };
  }

  /** The level to send; undefined if the viewer always receives the same rendition. */
  get level(): number | undefined {
    return this.#wants && this.#congestion.level;
  }

  /** Steps down because packets waited too long in the pacer. */
  overran(): void {
    const before = this.#congestion.level;
    this.#congestion.overran();
    this.#request(before, 0);
  }

  /** Takes the receiver's bandwidth estimate (REMB), in bits per second. */
  estimated(bitrate: number): void {
    this.#congestion.estimated(bitrate);
  }

  /** Takes transport-wide feedback. */
  arrived(arrivals: readonly Arrival[]): void {
    const { estimate } = this.#sender;
    const state = estimate.feedback(arrivals);
    if (!state || !this.#sender.isPaced) return;
    if (state.capacityNow !== undefined) this.#sender.pace(PACING_FACTOR * state.capacityNow);
    const before = this.#congestion.level;
    this.#congestion.measured(state, this.bitrate);
    if (this.#draining && estimate.receivedUpTo >= this.#draining.marker) this.#draining.done();
    this.#request(before, state.queue);
    if (this.#wants && !this.#splices.waitsForKeyframe) this.#sendProbe();
  }

  /**
   * Takes a receiver report.
   * @param fractionLost 0 to 1.
   */
  reported(fractionLost: number, roundTrip: Millis | undefined): void {
    const now = this.#clock.now();
    const seconds = (now - this.#reported.at) / 1000;
    if (seconds < MIN_REPORT_INTERVAL) return;
    const { octets, packets } = this.#sender.media;
    const sent = ((octets - this.#reported.octets) * 8) / seconds;
    const since = packets - this.#reported.packets;
    this.#reported = { at: now, octets, packets };
    const before = this.#congestion.level;
    this.#congestion.reported({ fractionLost, roundTrip, sent, packets: since });
    this.#request(before, 0);
  }

  /** Stops waiting for a queue to drain. */
  close(): void {
    this.#draining?.end();
  }

  #sendProbe(): void {
    const ratio = this.#congestion.probeRatio;
    const packets = this.#probe.due(ratio && ratio * this.bitrate);
    for (let n = 0; n < packets; n++) this.#sender.pad();
  }

  /**
   * Requests the level that congestion control chose, if it changed.
   * @param queue delay of the queue in the network.
   */
  #request(before: number, queue: Millis): void {
    const wants = this.#wants;
    const { level } = this.#congestion;
    if (level === before || !wants) return;
    // Packets of a rendition that is too large would only delay the next one.
    if (level > before) this.#drop();
    this.#draining?.end();
    // Behind a full queue a keyframe would arrive late or be lost.
    const wait = level > before ? Math.min(queue, MAX_DRAIN_TIME) : 0;
    if (wait === 0) wants(level);
    else this.#drain(wait, () => wants(level));
  }

  /** Acts when a marker packet has arrived, or after `wait` at the latest. */
  #drain(wait: Millis, act: () => void): void {
    const done = () => {
      end();
      act();
    };
    const cancels = [
      this.#clock.after(wait, done),
      this.#clock.every(MARKER_INTERVAL, () => this.#sender.pad()),
    ];
    const end = () => {
      for (const cancel of cancels) cancel();
      this.#draining = undefined;
    };
    this.#draining = { end, done, marker: this.#sender.estimate.next };
    this.#sender.pad();
  }
}
