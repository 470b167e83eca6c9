/** The level of one viewer in the {@link LADDER}, and how often it may change. */
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import { LOWEST_LEVEL } from "../../shared/ladder.ts";

/** Time after a change until feedback reflects the new bitrate: the queue drains first. */
const SETTLING_TIME: Millis = 2000;

/** Back-off between trial steps up: each failed trial doubles the interval. */
export const MIN_TRIAL_INTERVAL: Millis = 5000;
const MAX_TRIAL_INTERVAL: Millis = 80_000;

/** A trial that lasts this long has succeeded. */
const TRIAL_TIME: Millis = 10_000;

/** Chooses when a level changes; its owner chooses why. */
export class RenditionLevel {
  readonly #clock: Clock;
  #value = 0;
  #changedAt: EpochMs;
  /** Last sign of congestion, or last change. */
  #troubledAt: EpochMs;
  /** The last failed trial, and how long that level is not tried again; undefined if none failed. */
  #failed: { readonly level: number; readonly at: EpochMs; readonly interval: Millis } | undefined;
  /** Whether the last change was a step up that has not yet succeeded. */
  #isTrial = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#changedAt = clock.now();
    this.#troubledAt = clock.now();
  }

  /** The level; 0 is the largest. */
  get value(): number {
    return this.#value;
  }

  /** When the level changed, or when this started. */
  get changedAt(): EpochMs {
    return this.#changedAt;
  }

  /** Whether the last change is so recent that feedback may still be about the level before. */
  get isSettling(): boolean {
    return this.#value > 0 && this.#clock.now() - this.#changedAt < SETTLING_TIME;
  }

  /** Whether a step up has failed, and none has succeeded since. */
  get hasFailed(): boolean {
    return this.#failed !== undefined;
  }

  /** Notes a sign of congestion: it delays the next step up. */
  trouble(): void {
    this.#troubledAt = this.#clock.now();
  }

  /** Moves to the next lower level that fits, or to the lowest. */
  stepDown(fits: (level: number) => boolean): void {
    this.trouble();
    const now = this.#clock.now();
    if (this.#isTrial && now - this.#changedAt < TRIAL_TIME) {
      const interval = Math.min(MAX_TRIAL_INTERVAL, 2 * (this.#failed?.interval ?? MIN_TRIAL_INTERVAL));
      this.#failed = { level: this.#value, at: now, interval };
    }
    this.#isTrial = false;
    if (this.#value === LOWEST_LEVEL) return;
    let level = this.#value + 1;
    while (level < LOWEST_LEVEL && !fits(level)) level++;
    this.#moveTo(level);
  }

  /**
   * Moves up, unless the last congestion is too recent, or the level failed not long ago.
   * @param delay since the last congestion.
   */
  stepUp(level: number, delay: Millis): void {
    const now = this.#clock.now();
    if (this.#isTrial && now - this.#changedAt >= TRIAL_TIME) {
      this.#isTrial = false;
      if (this.#failed && this.#value <= this.#failed.level) this.#failed = undefined;
    }
    if (this.#value === 0 || now - this.#troubledAt < delay) return;
    if (this.#failed && level <= this.#failed.level && now - this.#failed.at < this.#failed.interval) return;
    this.#isTrial = true;
    this.#moveTo(level);
  }

  /** Returns to a level that a step down left for no gain. */
  undo(level: number): void {
    this.#moveTo(level);
  }

  #moveTo(level: number): void {
    this.#value = level;
    this.#changedAt = this.#clock.now();
    this.trouble();
  }
}
