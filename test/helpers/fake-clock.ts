import type { Cancel, Clock, EpochMs, Millis } from "../../src/base/clock.ts";

interface Timer {
  at: number;
  readonly period: Millis | undefined;
  readonly run: () => void;
}

/** A clock that moves only when the test moves it. */
export class FakeClock implements Clock {
  #now: number;
  readonly #timers = new Set<Timer>();

  constructor(start = 1_000_000) {
    this.#now = start;
  }

  now(): EpochMs {
    return this.#now as EpochMs;
  }

  after(delay: Millis, run: () => void): Cancel {
    return this.#add({ at: this.#now + delay, period: undefined, run });
  }

  every(period: Millis, run: () => void): Cancel {
    return this.#add({ at: this.#now + period, period, run });
  }

  /** How many timers are set: 0 once everything under test has cleaned up. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Advances the time, runs each timer at its time, and lets promises settle in between. */
  async advance(by: Millis): Promise<void> {
    const end = this.#now + by;
    do await settle();
    while (this.#runNext(end));
    this.#now = end;
    await settle();
  }

  /** Like {@link advance}, but without letting promises settle: faster, for code without promises. */
  pass(by: Millis): void {
    const end = this.#now + by;
    while (this.#runNext(end));
    this.#now = end;
  }

  #runNext(end: number): boolean {
    const due = [...this.#timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
    if (!due) return false;
    this.#now = Math.max(this.#now, due.at);
    if (due.period === undefined) this.#timers.delete(due);
    else due.at += due.period;
    due.run();
    return true;
  }

  #add(timer: Timer): Cancel {
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }
}

/** Runs everything that waits for promises that are already settled. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
