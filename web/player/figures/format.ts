/** Figures as people read them. */

import type { PlayerStats } from "./player-stats.ts";

/** What stands where there is no figure. */
export const NONE = "–";

/** Milliseconds: `< 0.1 ms`, `0.4 ms`, `41 ms`, `1.2 s`. */
export function milliseconds(value: number | undefined): string {
  if (value === undefined) return NONE;
  if (value < 0.05) return "< 0.1 ms";
  if (value >= 999.5) return `${(value / 1000).toFixed(1)} s`;
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

/** Bits a second: `640 kbit/s`, `2.4 Mbit/s`. */
export function bitrate(value: number | undefined): string {
  if (value === undefined) return NONE;
  if (value >= 999_500) return `${(value / 1e6).toFixed(1)} Mbit/s`;
  return `${(value / 1000).toFixed(0)} kbit/s`;
}

/** Frames a second: `30 fps`; `0.4 fps` where the fraction matters. */
export function frameRate(value: number | undefined): string {
  if (value === undefined) return NONE;
  return `${value > 0.05 && value < 9.95 ? value.toFixed(1) : value.toFixed(0)} fps`;
}

/** How long, for something that goes on: `12 s`, `3 min`, `2 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

/** Pixels: `1280 × 720`. */
export function size(width: number | undefined, height: number | undefined): string {
  return width && height ? `${width} × ${height}` : NONE;
}

/** The median latency, or why there is none. */
export function latency({ latency, measurable }: PlayerStats): string {
  return measurable || latency ? milliseconds(latency?.median) : "not measurable here";
}
