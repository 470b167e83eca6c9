/** Time, passed in, so that the lifecycle can be tested without waiting. */

/** Stops what it was returned for; calling it again does nothing. */
export type Cancel = () => void;

/** The time and its timers. */
export interface Timers {
  /** Milliseconds since the Unix epoch on this page's clock, with a fraction. */
  now(): number;
  after(delay: number, run: () => void): Cancel;
  every(period: number, run: () => void): Cancel;
}

/** What `requestVideoFrameCallback` and `performance.now()` tell, as milliseconds since the epoch. */
export function epochOf(highResTime: number): number {
  return performance.timeOrigin + highResTime;
}

/** The browser's own. */
export const pageTimers: Timers = {
  now: () => epochOf(performance.now()),
  after(delay, run) {
    const timer = setTimeout(run, delay);
    return () => clearTimeout(timer);
  },
  every(period, run) {
    const timer = setInterval(run, period);
    return () => clearInterval(timer);
  },
};
