/**
 * `base` holds what every room needs and knows nothing about video: clock, log, errors, queues. It imports no other room.
 *
 * This file passes time as an argument. Every stage takes a {@link Clock}, so that tests control the time, and every frame carries its
 * {@link FrameTimings}, so that the latency of each stage can be measured.
 */

/** A duration in milliseconds. */
export type Millis = number;

/** A point in time: milliseconds since the Unix epoch, with a fraction. The type keeps it apart from {@link Millis}. */
export type EpochMs = number & { readonly __unit: "ms since 1970-01-01T00:00:00Z" };

/** Cancels a timer or subscription. Further calls do nothing. */
export type Cancel = () => void;

/** The current time, and timers. A pending timer does not keep the process alive. */
export interface Clock {
  now(): EpochMs;
  after(delay: Millis, run: () => void): Cancel;
  every(period: Millis, run: () => void): Cancel;
}

/** The clock of the machine: monotonic within the process, with a resolution of microseconds. */
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

/** Node runs timers with a longer delay at once. */
const MAX_TIMER_DELAY: Millis = 2 ** 31 - 1;

/** Calls `run` at that time, or after 25 days if that is earlier: no timer of Node waits longer. */
export function afterAtMost(clock: Clock, at: EpochMs, run: () => void): Cancel {
  return clock.after(Math.min(Math.max(0, at - clock.now()), MAX_TIMER_DELAY), run);
}

/** The times at which a frame passed each stage, on the server's clock. Absent: not yet. */
export interface FrameTimings {
  /** The renderer had completed the pixels. */
  readonly captured: EpochMs;
  /** The server had received the whole picture. */
  readonly received: EpochMs;
  /** The picture had been decoded to pixels. */
  decoded?: EpochMs;
  /** The encoder had returned the bitstream. */
  encoded?: EpochMs;
  /** The socket of the last viewer had accepted the last packet. */
  sent?: EpochMs;
}
