/**
 * What a viewer's network carries: chooses the level of the {@link LADDER} to send it. Where the viewer tells when each
 * packet came, by the queue that stands, and by what the narrowest link is seen to carry. Elsewhere by its reports: down at
 * much loss, a round trip that has grown and stays so, or a fallen estimate with a little of either; up by trying. A try
 * that fails doubles the time until the next, so that it settles.
 */

import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import { LADDER, rungOf } from "../../shared/ladder.ts";
import type { NetworkState } from "./delivery.ts";

/** One viewer's report, and what it was sent since the one before. */
export interface NetworkReport {
  /** 0 to 1. */
  readonly fractionLost: number;
  readonly roundTrip: Millis | undefined;
  /** Media bits a second. */
  readonly sent: number;
  readonly packets: number;
}

// ---- Where arrivals are told ----

/** A queue that stands this long is ours: jitter and other people's packets make shorter ones. */
const STANDS: Millis = 60;
/** One so long is too long, whatever else is seen, where it stays so. */
const STANDS_LONG: Millis = 150;
const STAYS: Millis = 500;
/** Of few packets a lost one is chance: where the link is seen to be too narrow, and where nothing else is seen. */
const FEW_PACKETS = 15;
const SOME_PACKETS = 60;
/** Loss of a queue that overflows; and beyond what repairs make good, whatever it comes from. */
const LOSES = 0.12;
const LOSES_ALONE = 0.2;
/** What a rendition's packets take beside its bits, and how far its bits sway. */
const NEEDS = 1.15;
/** Of what the link carries: some is left for repairs and keyframes. */
const FILLS = 0.85;
/** What a higher level has to leave free: on one step, and on several at once. */
const ROOM_FOR_ONE = 1.25;
const ROOM_FOR_SEVERAL = 2;
/** Arrivals show the room there is, so that a step up need not wait for long. */
const FIRST_STEP_UP: Millis = 2000;

/** After so long without a sign of the room there is, it is looked for; and after so long without any, a step is tried. */
const UNSEEN: Millis = 1500;
const FIRST_TRY: Millis = 5000;

// ---- Where they are not ----

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

// ---- For both ----

/** After a step down the queue needs time to drain, until what is told speaks of the new rate. */
const SETTLES: Millis = 2000;

/** What is tried again at the longest. */
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
  /** Until the next step up; the first where it is undefined. */
  #wait: Millis | undefined;
  /** The last step was up. */
  #isTrying = false;
  #arrivalsTold = false;
  #longSince: EpochMs | undefined;
  /** When the capacity was last told, or arrivals first. */
  #unseenSince: EpochMs;
  /** The queue as last told, and at the last change. */
  #queue: Millis = 0;
  #queueThen: Millis = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#changedAt = clock.now();
    this.#quietSince = clock.now();
    this.#unseenSince = clock.now();
  }

  get level(): number {
    return this.#level;
  }

  /** What the next level needs, of this one's bitrate, where nothing has shown for a while whether there is room for it. */
  get probeRatio(): number | undefined {
    if (this.#level === 0 || this.#queue > STANDS || this.#clock.now() - this.#unseenSince < UNSEEN)
      return undefined;
    return (NEEDS * ROOM_FOR_ONE * rungOf(this.#level - 1).share) / rungOf(this.#level).share;
  }

  /**
   * Takes the receiver's own estimate of what it can be sent (REMB).
   * @param bitrate bits a second.
   */
  estimated(bitrate: number): void {
    if (this.#estimate && bitrate < FELL * this.#estimate.bitrate) this.#estimateFell = true;
    this.#estimate = { bitrate, at: this.#clock.now() };
  }

  /**
   * Takes what the arrivals of packets say; from then on reports say nothing more.
   * @param bitrate that the present level's frames aim at, bits a second.
   */
  measured(state: NetworkState, bitrate: number): void {
    const now = this.#clock.now();
    this.#arrivalsTold = true;
    const { queue, capacity, capacityNow, arrived } = state;
    const needs = (level: number) => (NEEDS * bitrate * rungOf(level).share) / rungOf(this.#level).share;
    this.#queue = queue;
    if (capacity !== undefined) this.#unseenSince = now;
    if (queue <= STANDS_LONG) this.#longSince = undefined;
    else this.#longSince ??= now;
    if (this.#isTooMuch(state, needs(this.#level))) {
      const carried = Math.min(capacityNow ?? arrived, queue > STANDS ? Math.max(arrived, 1) : Infinity);
      this.#stepDown(now, (level) => needs(level) <= FILLS * carried);
    } else if (queue > STANDS || (capacity === undefined && state.lost > SOME_LOSS)) this.#quietSince = now;
    else if (capacity === undefined) {
      // Of small pictures, and of still ones, a frame is a packet: no trains. Nor was anything heard of those of padding.
      if (now - this.#unseenSince >= FIRST_TRY) this.#stepUp(now, this.#level - 1, FIRST_TRY);
    } else {
      const fits = (level: number) =>
        needs(level) * (level === this.#level - 1 ? ROOM_FOR_ONE : ROOM_FOR_SEVERAL) <= capacity;
      const best = LADDER.findIndex((_, level) => level < this.#level && fits(level));
      if (best >= 0) this.#stepUp(now, best, FIRST_STEP_UP);
    }
  }

  /** Takes that what waits to be sent has waited for too long. */
  overran(): void {
    this.#stepDown(this.#clock.now(), () => true);
  }

  reported({ fractionLost, roundTrip, sent, packets }: NetworkReport): void {
    // Browsers count repairs in it, and have told of half of the packets where a twentieth was lost.
    if (this.#arrivalsTold) return;
    const now = this.#clock.now();
    this.#lossAverage += (fractionLost - this.#lossAverage) * (packets / (packets + HALF_COUNTS));
    const estimate = this.#freshEstimate(now);
    const queued = this.#queued(roundTrip);
    this.#slowReports = queued > QUEUES ? this.#slowReports + 1 : 0;
    const fallen = this.#estimateFell ? estimate : undefined;
    this.#estimateFell = false;
    const isTooMuch =
      fallen !== undefined && fallen < sent && (this.#lossAverage > SOME_LOSS || queued > SOME_QUEUE);
    const rate = (level: number) => (sent * rungOf(level).share) / rungOf(this.#level).share;
    if (this.#lossAverage > LOSES || this.#slowReports > 1 || isTooMuch)
      this.#stepDown(now, (level) => fallen === undefined || rate(level) <= fallen);
    else if (estimate === undefined || estimate >= ROOM * sent) this.#stepUp(now, this.#level - 1, FIRST_TRY);
  }

  /** Whether the viewer is sent more than its network carries. */
  #isTooMuch({ queue, lost, packets, capacityNow }: NetworkState, needs: number): boolean {
    const now = this.#clock.now();
    if (now - this.#changedAt < SETTLES && this.#level > 0 && queue < this.#queueThen + QUEUES) return false;
    if (capacityNow !== undefined && capacityNow < needs) {
      if (queue > STANDS) return true;
      if (lost > LOSES && packets >= FEW_PACKETS) return true;
    }
    if (lost > LOSES_ALONE && packets >= SOME_PACKETS) return true;
    return this.#longSince !== undefined && now - this.#longSince >= STAYS;
  }

  /** To the first level below that fits, or the last. */
  #stepDown(now: EpochMs, fits: (level: number) => boolean): void {
    this.#quietSince = now;
    if (this.#isTrying && now - this.#changedAt < PROVED)
      this.#wait = Math.min(LAST_TRY, 2 * (this.#wait ?? FIRST_TRY));
    this.#isTrying = false;
    const settles = this.#changedAt + SETTLES > now && this.#level > 0;
    if ((settles && !this.#arrivalsTold) || this.#level === LADDER.length - 1) return;
    let level = this.#level + 1;
    while (level < LADDER.length - 1 && !fits(level)) level++;
    this.#moveTo(level, now);
  }

  #stepUp(now: EpochMs, level: number, first: Millis): void {
    if (this.#isTrying && now - this.#changedAt >= PROVED) {
      this.#isTrying = false;
      this.#wait = undefined;
    }
    if (this.#level === 0 || now - this.#quietSince < (this.#wait ?? first)) return;
    this.#isTrying = true;
    this.#moveTo(level, now);
  }

  #moveTo(level: number, now: EpochMs): void {
    this.#level = level;
    this.#changedAt = now;
    this.#quietSince = now;
    this.#queueThen = this.#queue;
    this.#longSince = undefined;
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
