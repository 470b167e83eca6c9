/**
 * Congestion control for one viewer: chooses its level of the {@link LADDER}. With transport-wide feedback it uses queueing
 * delay and measured capacity; `report-congestion.ts` has the rules without.
 */

import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import { bitrateAt, LADDER, LOWEST_LEVEL } from "../../shared/ladder.ts";
import type { NetworkState } from "./bandwidth-estimate.ts";
import { ForeignTrouble, MAX_TOLERATED_LOSS, type Suspicion } from "./foreign-trouble.ts";
import { MIN_TRIAL_INTERVAL, RenditionLevel } from "./rendition-level.ts";
import { type NetworkReport, ReportCongestion } from "./report-congestion.ts";

/** Queueing delay that means congestion if the link is too narrow. Jitter and cross traffic cause shorter queues. */
const CONGESTION_QUEUE_DELAY: Millis = 60;

/** The same that interrupts the lowest level. A keyframe alone may cause a shorter one. */
const MAX_LOWEST_QUEUE_DELAY: Millis = 1000;

/** How long a suspicion lasts before it forces a step down: shorter if no capacity was measured that suffices. */
const PERSISTENCE_TIME: Millis = 500;
const PERSISTENCE_TIME_ON_WIDE_LINK: Millis = 1000;

/**
 * Growth of that time per level, and of the time before a step up per level above the lowest. Behind one bottleneck the
 * largest renditions then yield first and grow last, so the viewers become equal.
 */
const PERSISTENCE_PER_LEVEL = 0.4;
const STEP_UP_DELAY_PER_LEVEL: Millis = 250;

/** Loss that means congestion if the link is too narrow, and the smallest sample that shows it. */
const CONGESTION_LOSS = 0.12;
const MIN_LOSS_PACKETS = 15;

/** The smallest sample that makes loss suspicious on its own. */
const MIN_SUSPICIOUS_PACKETS = 60;

/** Loss that makes a shorter queue suspicious: a queue that overflows. */
const OVERFLOW_LOSS = 0.02;

/** Loss without a measured capacity that delays a step up. */
const CONFIRMING_LOSS = 0.08;

/** Needed capacity as a multiple of a rendition's bitrate: allows for packet overhead and bitrate variation. */
const BITRATE_OVERHEAD = 1.15;

/** Share of the capacity that a lower level may use: the rest is for retransmissions and keyframes. */
const MAX_UTILIZATION = 0.85;

/** Capacity for a higher level as a multiple of what it needs: one step up, and several at once. */
const ONE_STEP_HEADROOM = 1.25;
const MULTI_STEP_HEADROOM = 2;

/** Time without congestion before a step up from the lowest level that the measured capacity allows. */
const STEP_UP_DELAY: Millis = 2000;

/** Time of sending after which the bitrate that arrives shows what a full network carries. */
const STEADY_TIME: Millis = 600;

/** Time without a capacity measurement before probing starts. */
const PROBE_DELAY: Millis = 1500;

/** Growth of the queueing delay after a change that shows that the queue still builds up. */
const QUEUE_GROWTH: Millis = 100;

/** Chooses one viewer's level. */
export class Congestion {
  readonly #clock: Clock;
  readonly #level: RenditionLevel;
  readonly #byReports: ReportCongestion;
  readonly #foreign: ForeignTrouble;
  #fullBitrate = 0;
  /** Whether the viewer sends transport-wide feedback. */
  #hasArrivals = false;
  /** Since when something is suspicious. */
  #suspiciousSince: EpochMs | undefined;
  /** When the capacity was last known, or when this started. */
  #capacityKnownAt: EpochMs;
  /** Queueing delay at the last feedback, and at the last change. */
  #queue: Millis = 0;
  #queueAtChange: Millis = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#level = new RenditionLevel(clock);
    this.#byReports = new ReportCongestion(clock, this.#level);
    this.#foreign = new ForeignTrouble(clock);
    this.#capacityKnownAt = clock.now();
  }

  /** The level to send now; 0 is the largest. */
  get level(): number {
    return this.#level.value;
  }

  /** Bits per second to probe for: what a step up needs. Undefined if no probe is needed or the network is congested. */
  get probeBitrate(): number | undefined {
    if (
      this.level === 0 ||
      this.#queue > CONGESTION_QUEUE_DELAY ||
      this.#clock.now() - this.#capacityKnownAt < PROBE_DELAY
    )
      return undefined;
    return ONE_STEP_HEADROOM * this.#needs(this.level - 1);
  }

  /**
   * Takes the receiver's bandwidth estimate (REMB).
   * @param bitrate bits per second.
   */
  estimated(bitrate: number): void {
    this.#byReports.estimated(bitrate);
  }

  /**
   * Takes what transport-wide feedback shows. Later receiver reports are ignored.
   * @param fullBitrate of level 0, in bits per second.
   * @returns whether not even the lowest level fits.
   */
  measured(state: NetworkState, fullBitrate: number): boolean {
    const now = this.#clock.now();
    const { queue, lost, capacity } = state;
    this.#hasArrivals = true;
    this.#fullBitrate = fullBitrate;
    this.#queue = queue;
    if (capacity !== undefined) this.#capacityKnownAt = now;
    const before = this.level;
    if (this.#foreign.measured(state)) this.#level.undo(before - 1);
    else if (this.#exceedsCapacity(state)) {
      if (before === LOWEST_LEVEL) {
        this.#level.trouble();
        return queue > MAX_LOWEST_QUEUE_DELAY;
      }
      this.#foreign.forget();
      this.#stepDownTo(this.#carried(state));
    } else {
      const suspicion = this.#suspicion(state);
      if (suspicion !== undefined) {
        if (before === LOWEST_LEVEL) return queue > MAX_LOWEST_QUEUE_DELAY;
        this.#level.stepDown(() => true);
        this.#foreign.steppedDown(suspicion, state);
      } else if (queue > this.#foreign.calmQueue || (capacity === undefined && lost > CONFIRMING_LOSS))
        this.#level.trouble();
      else if (!this.#foreign.isChecking) this.#stepUp(capacity);
    }
    if (this.level !== before) {
      this.#queueAtChange = queue;
      this.#suspiciousSince = undefined;
    }
    return false;
  }

  /** Steps down because packets waited too long in the pacer. */
  overran(): void {
    this.#foreign.forget();
    this.#level.stepDown(() => true);
    this.#queueAtChange = this.#queue;
  }

  /** Moves to the lowest level because feedback is missing. */
  unheard(): void {
    this.#foreign.forget();
    this.#level.stepDown(() => false);
  }

  /**
   * Takes a receiver report. Ignored if the viewer sends transport-wide feedback.
   * @param fullBitrate of level 0, in bits per second.
   */
  reported(report: NetworkReport, fullBitrate: number): void {
    // Browsers count retransmissions in it: they have reported 50 % loss when 5 % of the packets were lost.
    if (!this.#hasArrivals) this.#byReports.reported(report, fullBitrate);
  }

  /** Capacity that a level needs, in bits per second. */
  #needs(level: number): number {
    return BITRATE_OVERHEAD * bitrateAt(level, this.#fullBitrate);
  }

  /** Whether the measured capacity is too small for the level, and a queue or loss confirms it. */
  #exceedsCapacity({ queue, lost, packets, capacityNow }: NetworkState): boolean {
    if (this.#level.isSettling && queue < this.#queueAtChange + QUEUE_GROWTH) return false;
    if (lost > MAX_TOLERATED_LOSS && packets >= MIN_SUSPICIOUS_PACKETS) return true;
    if (capacityNow === undefined || capacityNow >= this.#needs(this.level)) return false;
    return queue > CONGESTION_QUEUE_DELAY || (lost > CONGESTION_LOSS && packets >= MIN_LOSS_PACKETS);
  }

  /** What suggests that the level is too high although the measured capacity does not, and has for some time. */
  #suspicion({ queue, lost, packets, capacityNow }: NetworkState): Suspicion | undefined {
    const now = this.#clock.now();
    if (lost > this.#foreign.toleratedLoss && packets >= MIN_SUSPICIOUS_PACKETS && !this.#level.isSettling)
      return "loss";
    const { toleratedQueue, calmQueue } = this.#foreign;
    const overflows = queue > calmQueue && lost > OVERFLOW_LOSS && packets >= MIN_SUSPICIOUS_PACKETS;
    if (queue <= toleratedQueue && !overflows) {
      this.#suspiciousSince = undefined;
      return undefined;
    }
    this.#suspiciousSince ??= now;
    if (this.#level.isSettling && queue < this.#queueAtChange + QUEUE_GROWTH) return undefined;
    const isWide = capacityNow !== undefined && capacityNow >= ONE_STEP_HEADROOM * this.#needs(this.level);
    const base = isWide ? PERSISTENCE_TIME_ON_WIDE_LINK : PERSISTENCE_TIME;
    const persistence = base * (1 + PERSISTENCE_PER_LEVEL * this.level);
    return now - this.#suspiciousSince >= persistence ? "queue" : undefined;
  }

  /** Bits per second that the network carries while it is congested. */
  #carried({ capacityNow, arrived, queue, lost }: NetworkState): number {
    // Shortly after a change little was sent, so little has arrived.
    const isSteady = !this.#level.isSettling && this.#clock.now() - this.#level.changedAt >= STEADY_TIME;
    const isFull = isSteady && (queue > CONGESTION_QUEUE_DELAY || lost > MAX_TOLERATED_LOSS);
    return Math.min(capacityNow ?? arrived, isFull ? Math.max(arrived, 1) : Number.POSITIVE_INFINITY);
  }

  #stepDownTo(carried: number): void {
    this.#level.stepDown((level) => this.#needs(level) <= MAX_UTILIZATION * carried);
  }

  #stepUp(capacity: number | undefined): void {
    const { level } = this;
    if (capacity === undefined) {
      // Frames of one packet form no packet trains, and probes got no answer: only a trial can show the capacity.
      if (this.#clock.now() - this.#capacityKnownAt >= MIN_TRIAL_INTERVAL)
        this.#level.stepUp(level - 1, MIN_TRIAL_INTERVAL);
      return;
    }
    const fits = (other: number) =>
      this.#needs(other) * (other === level - 1 ? ONE_STEP_HEADROOM : MULTI_STEP_HEADROOM) <= capacity;
    // A link that delivers in bursts seems faster than it is: after a failed step, one level at a time.
    const first = this.#level.hasFailed ? level - 1 : 0;
    const best = LADDER.findIndex((_, other) => other >= first && other < level && fits(other));
    const delay = STEP_UP_DELAY + STEP_UP_DELAY_PER_LEVEL * (LOWEST_LEVEL - level);
    if (best >= 0) this.#level.stepUp(best, delay);
  }
}
