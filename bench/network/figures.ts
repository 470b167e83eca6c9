/** What the frames seen on a screen say about the way they came. Times in milliseconds on one clock. */
import { median, quantile } from "../statistics.ts";

/** A frame as it came to the screen. */
export interface Seen {
  readonly at: number;
  /** When its pixels were complete. */
  readonly captured: number;
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Figures {
  readonly frames: number;
  readonly median: number;
  readonly p95: number;
  /** Times without a new picture that are longer than {@link FREEZE}, the longest, and the sum of them. */
  readonly freezes: number;
  readonly longest: number;
  readonly frozen: number;
}

export const FREEZE = 200;
/** A picture older than this is not live. */
const LIVE = 500;

/** @param seen in order; the first may be older than the look that found it. */
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
 * How long after the begin of a span the picture was not live for the last time within it;
 * undefined where it was not live at its end.
 */
export function liveAgainAfter(seen: readonly Seen[], { from, to }: Span): number | undefined {
  let again = 0;
  if ((seen[0]?.at ?? to) >= to) return undefined;
  for (const [n, { captured }] of seen.entries()) {
    const next = seen[n + 1]?.at ?? to;
    const until = Math.min(next, to);
    if (until <= from || until - captured <= LIVE) continue;
    if (next >= to) return undefined;
    again = next - from;
  }
  return again;
}
