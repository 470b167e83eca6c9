/**
 * What a viewer's network carries: chooses the level of the {@link LADDER} to send it. Down at once when it reports much
 * loss, or a round trip that has grown and stays so, or a fallen estimate with a little of either; up by trying, after a
 * time that doubles with each try that fails, so that it settles.
 */
import { LADDER, rungOf } from "../ladder.ts";
import type { Clock, EpochMs, Millis } from "../timing.ts";

/** One viewer's report, and what it was sent since the one before. */
export interface NetworkReport {
  /** 0 to 1. */
  readonly fractionLost: number;
  readonly roundTrip: Millis | undefined;
  /** Media bits a second. */
  readonly sent: number;
  readonly packets: number;
}

/** Loss beyond what repairs make good: a queue that overflows. */
const LOSES = 0.12;

/** The loss of so many packets counts half; that of few is chance. */
const HALF_COUNTS = 60;

/** A round trip longer by so much than the shortest of late is one through a queue that grows. */
const QUEUES: Millis = 100;

/** How long the shortest round trip is remembered, in reports, which come about once a second. */
const REMEMBERED = 30;

/**
 * An estimate begins low, and follows what was sent up to half as much again: only where it falls below what is sent has
 * the receiver seen a queue. It may be mistaken, so that loss or a round trip has to say so as well.
 */
const FELL = 0.97;
const SOME_LOSS = 0.08;
const SOME_QUEUE: Millis = 30;

/** An estimate that is no higher above what is sent leaves no room for more. */
const ROOM = 1.15;

/** Older estimates say nothing. */
const ESTIMATE_HOLDS: Millis = 5000;

/** After a step down the queue needs time to drain, until a report speaks of the new rate. */
const SETTLES: Millis = 2000;

/** What is tried again for the first time, and at the longest. */
const FIRST_TRY: Millis = 5000;
const LAST_TRY: Millis = 80_000;

/** A step up that held for so long was right. */
const PROVED: Millis = 10_000;

export class Congestion {
  readonly #clock: Clock;
  readonly #roundTrips: number[] = [];
  #level = 0;
  #lossAverage = 0;
  #slowReports = 0;
  #estimate: { readonly bitrate: number; readonly at: EpochMs } | undefined;
  /** Since the last report. */
  #estimateFell = false;
  #changedAt: EpochMs;
  #quietSince: EpochMs;
  #wait = FIRST_TRY;
  /** The last step was up. */
  #isTrying = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#changedAt = clock.now();
    this.#quietSince = clock.now();
  }

  get level(): number {
    return this.#level;
  }

  /**
   * Takes the receiver's own estimate of what it can be sent (REMB).
   * @param bitrate bits a second.
   */
  estimated(bitrate: number): void {
    if (this.#estimate && bitrate < FELL * this.#estimate.bitrate) this.#estimateFell = true;
    this.#estimate = { bitrate, at: this.#clock.now() };
  }

  reported({ fractionLost, roundTrip, sent, packets }: NetworkReport): void {
    const now = this.#clock.now();
    const estimate = this.#freshEstimate(now);
    this.#lossAverage += (fractionLost - this.#lossAverage) * (packets / (packets + HALF_COUNTS));
    const queued = this.#queued(roundTrip);
    this.#slowReports = queued > QUEUES ? this.#slowReports + 1 : 0;
    const fallen = this.#estimateFell ? estimate : undefined;
    this.#estimateFell = false;
    const isTooMuch =
      fallen !== undefined && fallen < sent && (this.#lossAverage > SOME_LOSS || queued > SOME_QUEUE);
    if (this.#lossAverage > LOSES || this.#slowReports > 1 || isTooMuch) this.#stepDown(now, sent, fallen);
    else this.#mayStepUp(now, sent, estimate);
  }

  #stepDown(now: EpochMs, sent: number, estimate: number | undefined): void {
    this.#quietSince = now;
    if (this.#isTrying && now - this.#changedAt < PROVED) this.#wait = Math.min(LAST_TRY, 2 * this.#wait);
    this.#isTrying = false;
    const settles = this.#changedAt + SETTLES > now && this.#level > 0;
    if (settles || this.#level === LADDER.length - 1) return;
    const { share } = rungOf(this.#level);
    let level = this.#level + 1;
    // Straight to what fits, where the viewer says what does.
    while (
      level < LADDER.length - 1 &&
      estimate !== undefined &&
      (sent * rungOf(level).share) / share > estimate
    )
      level++;
    this.#moveTo(level, now);
  }

  #mayStepUp(now: EpochMs, sent: number, estimate: number | undefined): void {
    if (this.#isTrying && now - this.#changedAt >= PROVED) {
      this.#isTrying = false;
      this.#wait = FIRST_TRY;
    }
    if (this.#level === 0 || now - this.#quietSince < this.#wait) return;
    if (estimate !== undefined && estimate < ROOM * sent) return;
    this.#isTrying = true;
    this.#moveTo(this.#level - 1, now);
  }

  #moveTo(level: number, now: EpochMs): void {
    this.#level = level;
    this.#changedAt = now;
    this.#quietSince = now;
    this.#lossAverage = 0;
    this.#slowReports = 0;
  }

  /** How much longer the round trip is than it need be: through the queue of a network that is full. */
  #queued(roundTrip: Millis | undefined): Millis {
    if (roundTrip === undefined) return 0;
    this.#roundTrips.push(roundTrip);
    if (this.#roundTrips.length > REMEMBERED) this.#roundTrips.shift();
    return roundTrip - Math.min(...this.#roundTrips);
  }

  #freshEstimate(now: EpochMs): number | undefined {
    return this.#estimate && now - this.#estimate.at < ESTIMATE_HOLDS ? this.#estimate.bitrate : undefined;
  }
}
