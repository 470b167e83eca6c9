/**
 * Congestion control for a viewer without transport-wide feedback: steps down on loss, a grown round trip or a dropped REMB
 * estimate, and up on trial with exponential back-off.
 */
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import { bitrateAt } from "../../shared/ladder.ts";
import { MIN_TRIAL_INTERVAL, type RenditionLevel } from "./rendition-level.ts";

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

/** Average loss that means congestion. */
const CONGESTION_LOSS = 0.12;

/** Weight of a report in the loss average: a report on this many packets counts half. */
const LOSS_HALF_WEIGHT_PACKETS = 60;

/** Growth of the round trip that shows that a queue builds up. */
const QUEUE_GROWTH: Millis = 100;

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

/** Changes a viewer's level by its receiver reports. */
export class ReportCongestion {
  readonly #clock: Clock;
  readonly #level: RenditionLevel;
  readonly #roundTrips: number[] = [];
  #lossAverage = 0;
  #slowReports = 0;
  #estimate: { readonly bitrate: number; readonly at: EpochMs } | undefined;
  /** Whether the estimate dropped since the last report. */
  #estimateDropped = false;

  constructor(clock: Clock, level: RenditionLevel) {
    this.#clock = clock;
    this.#level = level;
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
   * Takes a receiver report.
   * @param fullBitrate of level 0, in bits per second.
   */
  reported({ fractionLost, roundTrip, sent, packets }: NetworkReport, fullBitrate: number): void {
    const level = this.#level;
    this.#lossAverage +=
      (fractionLost - this.#lossAverage) * (packets / (packets + LOSS_HALF_WEIGHT_PACKETS));
    const estimate = this.#freshEstimate();
    const queueDelay = this.#queueDelay(roundTrip);
    this.#slowReports = queueDelay > QUEUE_GROWTH ? this.#slowReports + 1 : 0;
    const dropped = this.#estimateDropped ? estimate : undefined;
    this.#estimateDropped = false;
    const isOverEstimate =
      dropped !== undefined &&
      dropped < sent &&
      (this.#lossAverage > CONFIRMING_LOSS || queueDelay > CONFIRMING_QUEUE_DELAY);
    const rate = (other: number) =>
      (sent * bitrateAt(other, fullBitrate)) / bitrateAt(level.value, fullBitrate);
    const before = level.value;
    if (this.#lossAverage > CONGESTION_LOSS || this.#slowReports > 1 || isOverEstimate) {
      if (level.isSettling) level.trouble();
      else level.stepDown((other) => dropped === undefined || rate(other) <= dropped);
    } else if (estimate === undefined || estimate >= ESTIMATE_HEADROOM * sent)
      level.stepUp(before - 1, MIN_TRIAL_INTERVAL);
    if (level.value === before) return;
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

  #freshEstimate(): number | undefined {
    const estimate = this.#estimate;
    return estimate && this.#clock.now() - estimate.at < MAX_ESTIMATE_AGE ? estimate.bitrate : undefined;
  }
}
