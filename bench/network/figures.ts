/** Figures from the frames seen on a screen. Times in milliseconds on one clock. */
import { median, quantile } from "../statistics.ts";

/** A frame on the screen. */
export interface Seen {
  readonly at: number;
  /** When its pixels were complete. */
  readonly captured: number;
}

/** A span of time. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Latency and freezes. */
export interface Figures {
  readonly frames: number;
  readonly median: number;
  readonly p95: number;
  /** Gaps between frames longer than {@link FREEZE}. */
  readonly freezes: number;
  /** The longest gap. */
  readonly longest: number;
  /** The sum of the freezes. */
  readonly frozen: number;
}

/** Milliseconds without a new frame that count as a freeze. */
export const FREEZE = 200;
/** Milliseconds: an older picture is not live. */
const MAX_LIVE_AGE = 500;

/**
 * Returns the figures of a span.
 * @param seen in order; the first is ignored, as it may have been on the screen before
 */
export function figures(seen: readonly Seen[], span: Span): Figures {
  const latencies = seen.slice(1).map(({ at, captured }) => at - captured);
  const times = [span.from, ...seen.slice(1).map(({ at }) => at), span.to];
  const gaps = times.slice(1).map((at, n) => at - (times[n] ?? at));
  const freezes = gaps.filter((gap) => gap > FREEZE);
  return {
    frames: latencies.length,
    median: median(latencies),
    p95: quantile(latencies, 0.95),
    freezes: freezes.length,
    longest: Math.max(...gaps),
    frozen: freezes.reduce((sum, gap) => sum + gap, 0),
  };
}

/**
 * Returns the milliseconds from the start of a span until the picture stays live; undefined if it is not live at the
 * end.
 */
export function liveAgainAfter(seen: readonly Seen[], { from, to }: Span): number | undefined {
  let again = 0;
  if ((seen[0]?.at ?? to) >= to) return undefined;
  for (const [n, { captured }] of seen.entries()) {
    const next = seen[n + 1]?.at ?? to;
    const until = Math.min(next, to);
    if (until <= from || until - captured <= MAX_LIVE_AGE) continue;
    if (next >= to) return undefined;
    again = next - from;
  }
  return again;
}
