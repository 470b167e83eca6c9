/** Formats figures for people. */

import type { PlayerStats } from "./player-stats.ts";

/** The text for a figure that is not known. */
export const NONE = "–";

/** Milliseconds: `< 0.1 ms`, `0.4 ms`, `41 ms`, `1.2 s`. */
export function milliseconds(value: number | undefined): string {
  if (value === undefined) return NONE;
  if (value < 0.05) return "< 0.1 ms";
  if (value >= 999.5) return `${(value / 1000).toFixed(1)} s`;
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

/** Bits per second: `640 kbit/s`, `2.4 Mbit/s`. */
export function bitrate(value: number | undefined): string {
  if (value === undefined) return NONE;
  if (value >= 999_500) return `${(value / 1e6).toFixed(1)} Mbit/s`;
  return `${(value / 1000).toFixed(0)} kbit/s`;
}

/** Frames per second: `30 fps`, and below 10 with a fraction: `0.4 fps`. */
export function frameRate(value: number | undefined): string {
  if (value === undefined) return NONE;
  return `${value > 0.05 && value < 9.95 ? value.toFixed(1) : value.toFixed(0)} fps`;
}

/** A time span in milliseconds, rounded down: `12 s`, `3 min`, `2 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

/** Size in pixels: `1280 × 720`. */
export function size(width: number | undefined, height: number | undefined): string {
  return width && height ? `${width} × ${height}` : NONE;
}

/** The median latency, or that this browser cannot measure it. */
export function latency({ latency, measurable }: PlayerStats): string {
  return measurable || latency ? milliseconds(latency?.median) : "not available";
}
