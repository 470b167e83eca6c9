/**
 * Time, passed in. Every stage takes a {@link Clock}, so that tests run without the wall clock,
 * and every frame carries its {@link FrameTimings}, so that each stage's share of the latency is known.
 */

/** A length of time in milliseconds. */
export type Millis = number;

/** A point in time: milliseconds since the Unix epoch, with a fraction. Not to be mixed with {@link Millis}. */
export type EpochMs = number & { readonly __unit: "ms since 1970-01-01T00:00:00Z" };

/** Stops what it was returned for; calling it again does nothing. */
export type Cancel = () => void;

/** The time and its timers. Timers never keep the process alive by themselves. */
export interface Clock {
  now(): EpochMs;
  after(delay: Millis, run: () => void): Cancel;
  every(period: Millis, run: () => void): Cancel;
}

/** The machine's own clock: monotonic within the process, in microsecond steps. */
export const systemClock: Clock = {
  now: () => (performance.timeOrigin + performance.now()) as EpochMs,
  after(delay, run) {
    const timer = setTimeout(run, delay).unref();
    return () => clearTimeout(timer);
  },
  every(period, run) {
    const timer = setInterval(run, period).unref();
    return () => clearInterval(timer);
  },
};

/** The longest that a timer of Node's waits. */
const LONGEST_TIMER: Millis = 2 ** 31 - 1;

/** Runs it at that time, or after the longest that a timer can wait, some 25 days, whichever is first. */
export function afterAtMost(clock: Clock, at: EpochMs, run: () => void): Cancel {
  return clock.after(Math.min(Math.max(0, at - clock.now()), LONGEST_TIMER), run);
}

/** When one frame passed each stage, on the server's clock. A stage that has not happened yet is absent. */
export interface FrameTimings {
  /** The pixels were complete in the renderer. */
  readonly captured: EpochMs;
  /** The server held the whole picture. */
  readonly received: EpochMs;
  /** The picture was decoded to pixels. */
  decoded?: EpochMs;
  /** The encoder returned the bitstream. */
  encoded?: EpochMs;
  /** The last packet was handed to the socket of the last viewer. */
  sent?: EpochMs;
}
