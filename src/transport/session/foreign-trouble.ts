/**
 * Tells a queue or loss of the viewer's own from that of others, such as a download beside the stream or a lossy radio. A
 * step down on suspicion is checked: if it does not help, it is undone, and that much trouble is tolerated from then on.
 * Google's congestion control adapts its delay threshold for the same reason (Carlucci and others, "Analysis and design of
 * the Google congestion control for WebRTC", 2016, section 4.2).
 */
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";

/** Queueing delay and loss, as {@link NetworkState} has them. */
interface Trouble {
  readonly queue: Millis;
  readonly lost: number;
}

/** Queueing delay that raises a suspicion. */
export const SUSPICIOUS_QUEUE_DELAY: Millis = 150;
/** Loss that raises a suspicion, 0 to 1. */
export const SUSPICIOUS_LOSS = 0.2;

/** Loss that is never tolerated: nothing decodes. */
export const MAX_TOLERATED_LOSS = 0.5;

/** A step down has helped if the trouble is below this share of what it was. */
const IMPROVEMENT = 0.7;

/** Time until a step down shows an effect, after the queue of then has drained. */
const EFFECT_TIME: Millis = 1000;
const MAX_DRAIN_TIME: Millis = 800;

/** Tolerated trouble as a multiple of the undone one. */
const TOLERANCE = 1.4;

/** Time without any trouble after which the tolerance ends. */
const CALM_TIME: Millis = 10_000;
const CALM_QUEUE_DELAY: Millis = 60;
const CALM_LOSS = 0.1;

/** What a suspicion is about. */
export type Suspicion = "queue" | "loss";

/** The suspicions about one viewer's network. */
export class ForeignTrouble {
  readonly #clock: Clock;
  #toleratedQueue: Millis = SUSPICIOUS_QUEUE_DELAY;
  #toleratedLoss = SUSPICIOUS_LOSS;
  #calmSince: EpochMs;
  #check: { readonly about: Suspicion; readonly before: Trouble; readonly dueAt: EpochMs } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#calmSince = clock.now();
  }

  /** Queueing delay up to which nothing is suspicious. */
  get toleratedQueue(): Millis {
    return this.#toleratedQueue;
  }

  /** Queueing delay up to which the network is calm enough for a step up. */
  get calmQueue(): Millis {
    return this.#toleratedQueue > SUSPICIOUS_QUEUE_DELAY ? this.#toleratedQueue : CALM_QUEUE_DELAY;
  }

  /** Loss up to which nothing is suspicious, 0 to 1. */
  get toleratedLoss(): number {
    return this.#toleratedLoss;
  }

  /** Whether a step down is being checked. */
  get isChecking(): boolean {
    return this.#check !== undefined;
  }

  /** Starts to check a step down that was made on suspicion. */
  steppedDown(about: Suspicion, before: Trouble): void {
    const dueAt = this.#clock.now() + Math.min(before.queue, MAX_DRAIN_TIME) + EFFECT_TIME;
    this.#check = { about, before, dueAt: dueAt as EpochMs };
  }

  /** Ends a check without a result: the level has changed for another reason. */
  forget(): void {
    this.#check = undefined;
  }

  /**
   * Takes the trouble of now.
   * @returns whether the step down must be undone, because it did not help.
   */
  measured(trouble: Trouble): boolean {
    const now = this.#clock.now();
    if (trouble.queue > CALM_QUEUE_DELAY || trouble.lost > CALM_LOSS) this.#calmSince = now;
    else if (now - this.#calmSince >= CALM_TIME) {
      this.#toleratedQueue = SUSPICIOUS_QUEUE_DELAY;
      this.#toleratedLoss = SUSPICIOUS_LOSS;
    }
    if (!this.#check) return false;
    const { about, before, dueAt } = this.#check;
    if (now < dueAt) return false;
    this.#check = undefined;
    if (about === "queue") {
      if (trouble.queue < IMPROVEMENT * before.queue) return false;
      this.#toleratedQueue = TOLERANCE * Math.max(trouble.queue, before.queue);
    } else {
      if (trouble.lost < IMPROVEMENT * before.lost) return false;
      this.#toleratedLoss = Math.min(MAX_TOLERATED_LOSS, TOLERANCE * Math.max(trouble.lost, before.lost));
    }
    return true;
  }
}
