/**
 * Congestion control for one viewer: chooses its level of the {@link LADDER}. With transport-wide feedback it uses queueing
 * delay and measured capacity. Without, it steps down on loss, a grown round trip or a dropped REMB estimate, and up on trial
 * with exponential back-off.
 */

import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import { LADDER, rungOf } from "../../shared/ladder.ts";
import type { NetworkState } from "./bandwidth-estimate.ts";

/** A viewer's receiver report, and what was sent to it since the previous report. */
export interface NetworkReport {
  /** 0 to 1. */
  readonly fractionLost: number;
  /** Undefined if unknown. */
  readonly roundTrip: Millis | undefined;
  /** Bits of media per second. */
  readonly sent: number;
  readonly packets: number;
}

// ---- With transport-wide feedback ----

/** Queueing delay that means congestion if the link is too narrow. Jitter and cross traffic cause shorter queues. */
const CONGESTION_QUEUE_DELAY: Millis = 60;

/** Queueing delay that forces a step down on its own, if it lasts for {@link PERSISTENCE_TIME}. */
const PERSISTENT_QUEUE_DELAY: Millis = 150;
const PERSISTENCE_TIME: Millis = 500;

/** Loss that means congestion if the link is too narrow, and the smallest sample that shows it. */
const CONGESTION_LOSS = 0.12;
const MIN_LOSS_PACKETS = 15;

/** Loss that forces a step down on its own, as retransmission cannot make up for it, and the smallest sample. */
const HEAVY_LOSS = 0.2;
const MIN_HEAVY_LOSS_PACKETS = 60;

/** Needed capacity as a multiple of a rendition's bitrate: allows for packet overhead and bitrate variation. */
const BITRATE_OVERHEAD = 1.15;

/** Share of the capacity that a lower level may use: the rest is for retransmissions and keyframes. */
const MAX_UTILIZATION = 0.85;

/** Capacity for a higher level as a multiple of what it needs: one step up, and several at once. */
const ONE_STEP_HEADROOM = 1.25;
const MULTI_STEP_HEADROOM = 2;

/** Time without congestion before a step up that the measured capacity allows. */
const STEP_UP_DELAY: Millis = 2000;

/** Time without a capacity measurement before probing starts. */
const PROBE_DELAY: Millis = 1500;

// ---- Without transport-wide feedback ----

/** Weight of a report in the loss average: a report on this many packets counts half. */
const LOSS_HALF_WEIGHT_PACKETS = 60;

/** Number of reports that the minimum round trip covers; there is about one per second. */
const MIN_ROUND_TRIP_WINDOW = 30;

/**
 * An estimate below this share of the previous one has dropped. REMB starts low and grows to 1.5 times the bitrate sent, so
 * only a drop shows congestion, and loss or queueing delay has to confirm it.
 */
const ESTIMATE_DROP = 0.97;
const CONFIRMING_LOSS = 0.08;
const CONFIRMING_QUEUE_DELAY: Millis = 30;

/** Estimate for a step up, as a multiple of the bitrate sent. */
const ESTIMATE_HEADROOM = 1.15;

/** Older estimates are ignored. */
const MAX_ESTIMATE_AGE: Millis = 5000;

// ---- Both ----

/** Growth of the queueing delay or the round trip that shows that a queue builds up. */
const QUEUE_GROWTH: Millis = 100;

/** Time after a change until feedback reflects the new bitrate: the queue drains first. */
const SETTLING_TIME: Millis = 2000;

/** Back-off between trial steps up: each failed trial doubles the interval. */
const MIN_TRIAL_INTERVAL: Millis = 5000;
const MAX_TRIAL_INTERVAL: Millis = 80_000;

/** A trial that lasts this long has succeeded. */
const TRIAL_TIME: Millis = 10_000;

/** The owner of one viewer's level. */
export class Congestion {
  readonly #clock: Clock;
  readonly #roundTrips: number[] = [];
  #level = 0;
  #lossAverage = 0;
  #slowReports = 0;
  #estimate: { readonly bitrate: number; readonly at: EpochMs } | undefined;
  /** Whether the estimate dropped since the last report. */
  #estimateDropped = false;
  #changedAt: EpochMs;
  /** Last sign of congestion, or last change. */
  #troubledAt: EpochMs;
  /** Back-off before the next trial; undefined if no trial failed. */
  #trialInterval: Millis | undefined;
  /** Whether the last change was a step up that has not yet succeeded. */
  #isTrial = false;
  /** Whether the viewer sends transport-wide feedback. */
  #hasArrivals = false;
  /** Since when the queueing delay is above {@link PERSISTENT_QUEUE_DELAY}. */
  #persistentSince: EpochMs | undefined;
  /** When the capacity was last known, or when this started. */
  #capacityKnownAt: EpochMs;
  /** Queueing delay at the last feedback, and at the last change. */
  #queue: Millis = 0;
  #queueAtChange: Millis = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#changedAt = clock.now();
    this.#troubledAt = clock.now();
    this.#capacityKnownAt = clock.now();
  }

  /** The level to send now; 0 is the largest. */
  get level(): number {
    return this.#level;
  }

  /**
   * Bitrate to probe for, as a multiple of the current rendition's: what a step up needs. Undefined if no probe is needed or
   * the network is congested.
   */
  get probeRatio(): number | undefined {
    if (
      this.#level === 0 ||
      this.#queue > CONGESTION_QUEUE_DELAY ||
      this.#clock.now() - this.#capacityKnownAt < PROBE_DELAY
    )
      return undefined;
    return (BITRATE_OVERHEAD * ONE_STEP_HEADROOM * rungOf(this.#level - 1).share) / rungOf(this.#level).share;
  }

  /**
   * Takes the receiver's bandwidth estimate (REMB).
   * @param bitrate bits per second.
   */
  estimated(bitrate: number): void {
    if (this.#estimate && bitrate < ESTIMATE_DROP * this.#estimate.bitrate) this.#estimateDropped = true;
    this.#estimate = { bitrate, at: this.#clock.now() };
  }

  /**
   * Takes what transport-wide feedback shows. Later receiver reports are ignored.
   * @param bitrate that the current rendition aims at, in bits per second.
   */
  measured(state: NetworkState, bitrate: number): void {
    const now = this.#clock.now();
    this.#hasArrivals = true;
    const { queue, capacity, capacityNow, arrived } = state;
    const needs = (level: number) =>
      (BITRATE_OVERHEAD * bitrate * rungOf(level).share) / rungOf(this.#level).share;
    this.#queue = queue;
    if (capacity !== undefined) this.#capacityKnownAt = now;
    if (queue <= PERSISTENT_QUEUE_DELAY) this.#persistentSince = undefined;
    else this.#persistentSince ??= now;
    if (this.#isCongested(state, needs(this.#level))) {
      const carried = Math.min(
        capacityNow ?? arrived,
        queue > CONGESTION_QUEUE_DELAY ? Math.max(arrived, 1) : Infinity,
      );
      this.#stepDown(now, (level) => needs(level) <= MAX_UTILIZATION * carried);
    } else if (queue > CONGESTION_QUEUE_DELAY || (capacity === undefined && state.lost > CONFIRMING_LOSS))
      this.#troubledAt = now;
    else if (capacity === undefined) {
      // Frames of one packet form no packet trains, and probes got no answer: only a trial can show the capacity.
      if (now - this.#capacityKnownAt >= MIN_TRIAL_INTERVAL)
        this.#stepUp(now, this.#level - 1, MIN_TRIAL_INTERVAL);
    } else {
      const fits = (level: number) =>
        needs(level) * (level === this.#level - 1 ? ONE_STEP_HEADROOM : MULTI_STEP_HEADROOM) <= capacity;
      const best = LADDER.findIndex((_, level) => level < this.#level && fits(level));
      if (best >= 0) this.#stepUp(now, best, STEP_UP_DELAY);
    }
  }

  /** Steps down because packets waited too long in the pacer. */
  overran(): void {
    this.#stepDown(this.#clock.now(), () => true);
  }

  /** Takes a receiver report. Ignored if the viewer sends transport-wide feedback. */
  reported({ fractionLost, roundTrip, sent, packets }: NetworkReport): void {
    // Browsers count retransmissions in it: they have reported 50 % loss when 5 % of the packets were lost.
    if (this.#hasArrivals) return;
    const now = this.#clock.now();
    this.#lossAverage +=
      (fractionLost - this.#lossAverage) * (packets / (packets + LOSS_HALF_WEIGHT_PACKETS));
    const estimate = this.#freshEstimate(now);
    const queueDelay = this.#queueDelay(roundTrip);
    this.#slowReports = queueDelay > QUEUE_GROWTH ? this.#slowReports + 1 : 0;
    const dropped = this.#estimateDropped ? estimate : undefined;
    this.#estimateDropped = false;
    const isOverEstimate =
      dropped !== undefined &&
      dropped < sent &&
      (this.#lossAverage > CONFIRMING_LOSS || queueDelay > CONFIRMING_QUEUE_DELAY);
    const rate = (level: number) => (sent * rungOf(level).share) / rungOf(this.#level).share;
    if (this.#lossAverage > CONGESTION_LOSS || this.#slowReports > 1 || isOverEstimate)
      this.#stepDown(now, (level) => dropped === undefined || rate(level) <= dropped);
    else if (estimate === undefined || estimate >= ESTIMATE_HEADROOM * sent)
      this.#stepUp(now, this.#level - 1, MIN_TRIAL_INTERVAL);
  }

  /** Whether the current rendition exceeds the capacity. */
  #isCongested({ queue, lost, packets, capacityNow }: NetworkState, needs: number): boolean {
    const now = this.#clock.now();
    if (
      now - this.#changedAt < SETTLING_TIME &&
      this.#level > 0 &&
      queue < this.#queueAtChange + QUEUE_GROWTH
    )
      return false;
    if (capacityNow !== undefined && capacityNow < needs) {
      if (queue > CONGESTION_QUEUE_DELAY) return true;
      if (lost > CONGESTION_LOSS && packets >= MIN_LOSS_PACKETS) return true;
    }
    if (lost > HEAVY_LOSS && packets >= MIN_HEAVY_LOSS_PACKETS) return true;
    return this.#persistentSince !== undefined && now - this.#persistentSince >= PERSISTENCE_TIME;
  }

  /** Moves to the next lower level that fits, or to the lowest. */
  #stepDown(now: EpochMs, fits: (level: number) => boolean): void {
    this.#troubledAt = now;
    if (this.#isTrial && now - this.#changedAt < TRIAL_TIME)
      this.#trialInterval = Math.min(MAX_TRIAL_INTERVAL, 2 * (this.#trialInterval ?? MIN_TRIAL_INTERVAL));
    this.#isTrial = false;
    const isSettling = this.#changedAt + SETTLING_TIME > now && this.#level > 0;
    if ((isSettling && !this.#hasArrivals) || this.#level === LADDER.length - 1) return;
    let level = this.#level + 1;
    while (level < LADDER.length - 1 && !fits(level)) level++;
    this.#moveTo(level, now);
  }

  /** Moves up, unless the last congestion is more recent than the back-off, or than `first` if no trial has failed. */
  #stepUp(now: EpochMs, level: number, first: Millis): void {
    if (this.#isTrial && now - this.#changedAt >= TRIAL_TIME) {
      this.#isTrial = false;
      this.#trialInterval = undefined;
    }
    if (this.#level === 0 || now - this.#troubledAt < (this.#trialInterval ?? first)) return;
    this.#isTrial = true;
    this.#moveTo(level, now);
  }

  #moveTo(level: number, now: EpochMs): void {
    this.#level = level;
    this.#changedAt = now;
    this.#troubledAt = now;
    this.#queueAtChange = this.#queue;
    this.#persistentSince = undefined;
    this.#lossAverage = 0;
    this.#slowReports = 0;
  }

  /** Queueing delay: the round trip less its recent minimum. */
  #queueDelay(roundTrip: Millis | undefined): Millis {
    if (roundTrip === undefined) return 0;
    this.#roundTrips.push(roundTrip);
    if (this.#roundTrips.length > MIN_ROUND_TRIP_WINDOW) this.#roundTrips.shift();
    return roundTrip - Math.min(...this.#roundTrips);
  }

  #freshEstimate(now: EpochMs): number | undefined {
    return this.#estimate && now - this.#estimate.at < MAX_ESTIMATE_AGE ? this.#estimate.bitrate : undefined;
  }
}
