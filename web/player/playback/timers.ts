/** The clock and its timers as a parameter, so that tests need not wait. */

/** Cancels the timer or listener that returned it; further calls do nothing. */
export type Cancel = () => void;

/** A clock and its timers. */
export interface Timers {
  /** Milliseconds since the epoch on this page's clock, with a fraction. */
  now(): number;
  /** Runs once, after `delay` milliseconds. */
  after(delay: number, run: () => void): Cancel;
  /** Runs every `period` milliseconds. */
  every(period: number, run: () => void): Cancel;
}

/** Converts a time of `performance.now()` or `requestVideoFrameCallback` to milliseconds since the epoch. */
export function epochOf(highResTime: number): number {
  return performance.timeOrigin + highResTime;
}

/** The browser's clock and timers. */
export const pageTimers: Timers = {
  now: () => epochOf(performance.now()),
  /** Runs once, after `delay` milliseconds. */
  after(delay, run) {
    const timer = setTimeout(run, delay);
    return () => clearTimeout(timer);
  },
  /** Runs every `period` milliseconds. */
  every(period, run) {
    const timer = setInterval(run, period);
    return () => clearInterval(timer);
  },
};
