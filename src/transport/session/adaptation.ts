/**
 * Switches one viewer between renditions: passes its feedback to congestion control, requests the level that congestion
 * control chooses, and sends probes for it.
 */
import type { Cancel, Clock, EpochMs, Millis } from "../../base/clock.ts";
import { bitrateAt, LOWEST_LEVEL } from "../../shared/ladder.ts";
import type { Arrival } from "../rtp/arrivals.ts";
import { Congestion } from "./congestion.ts";
import type { PacketSender } from "./packet-sender.ts";
import { Probe } from "./probe.ts";
import { Protection } from "./protection.ts";
import type { Splices } from "./splices.ts";

/** Pacing rate as a multiple of the measured capacity. A rate below it could never show that the capacity has grown. */
const PACING_FACTOR = 1.25;

/** The same while a queue stands: it shrinks, and no keyframe overflows it. */
const DRAINING_FACTOR = 0.95;
const STANDING_QUEUE_DELAY: Millis = 40;

/** Longest wait for a network queue to drain: its length is only an estimate. */
const MAX_DRAIN_TIME: Millis = 800;

/** While a queue drains, a marker packet is sent at this interval; its arrival shows that the queue is empty. */
const MARKER_INTERVAL: Millis = 100;

/**
 * Feedback that is missing for this long and this many round trips is lost. Single messages are lost now and then: this much,
 * as the time in which the rendition sends it, has to be in flight without any.
 */
const MIN_SILENCE: Millis = 500;
const SILENT_ROUND_TRIPS = 3;
const MAX_UNHEARD_TIME: Millis = 2000;

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
  /** Bits per second of level 0. */
  fullBitrate = 0;
  readonly protection: Protection;
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
    this.protection = new Protection(clock);
    this.#probe = new Probe(clock);
    this.#reported = { at: clock.now(), octets: 0, packets: 0 };
  }

  /** The level to send; undefined if the viewer always receives the same rendition. */
  get level(): number | undefined {
    return this.#wants && this.#congestion.level;
  }

  /**
   * Moves to the lowest level if feedback is missing: the network may carry nothing, and more packets would fill its queues.
   * @param roundTrip to the viewer; undefined if unknown.
   */
  checkSilence(roundTrip: Millis | undefined): void {
    const { estimate } = this.#sender;
    const limit = Math.max(MIN_SILENCE, SILENT_ROUND_TRIPS * (roundTrip ?? 0));
    if (this.isLowest || estimate.silence <= limit) return;
    const before = this.#congestion.level;
    const allowed = (MAX_UNHEARD_TIME * bitrateAt(before, this.fullBitrate)) / 8000;
    // Adds up all packets in flight: only while the viewer is silent.
    if (estimate.bytesInFlight <= allowed) return;
    this.#congestion.unheard();
    this.#request(before, 0);
  }

  /** Whether there is no lower level. */
  get isLowest(): boolean {
    return !this.#wants || this.#congestion.level === LOWEST_LEVEL;
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
    this.protection.measured(state);
    const { capacityNow, queue } = state;
    if (capacityNow !== undefined)
      this.#sender.pace((queue > STANDING_QUEUE_DELAY ? DRAINING_FACTOR : PACING_FACTOR) * capacityNow);
    const before = this.#congestion.level;
    const isTooMuch = this.#congestion.measured(state, this.fullBitrate);
    if (this.#draining && estimate.receivedUpTo >= this.#draining.marker) this.#draining.done();
    if (isTooMuch) this.#restart(queue);
    else this.#request(before, queue);
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
    this.#congestion.reported({ fractionLost, roundTrip, sent, packets: since }, this.fullBitrate);
    this.#request(before, 0);
  }

  /** Stops waiting for a queue to drain. */
  close(): void {
    this.#draining?.end();
  }

  #sendProbe(): void {
    const packets = this.#probe.due(this.#congestion.probeBitrate);
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

  /** Starts the lowest rendition again behind an empty queue: it does not fit, so frames are left out. */
  #restart(queue: Millis): void {
    const wants = this.#wants;
    if (!wants || this.#draining) return;
    this.#drop();
    this.#drain(Math.min(queue, MAX_DRAIN_TIME), () => wants(this.#congestion.level));
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
