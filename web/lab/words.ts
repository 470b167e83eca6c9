/** Formats the figures of the lab. */
import { NONE } from "../player/figures/format.ts";

/** Milliseconds without the unit: with one decimal, or whole from 100 on. */
export function tenths(value: number | undefined): string {
  if (value === undefined) return NONE;
  return value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}

/** Bytes per second, with the unit. */
export function byteRate(value: number | undefined): string {
  if (value === undefined) return NONE;
  return value < 999_500 ? `${(value / 1000).toFixed(0)} kB/s` : `${(value / 1e6).toFixed(1)} MB/s`;
}

/** In this order: each user agent also contains the names of the later ones. */
const BROWSERS = [
  ["Edge", /Edg\/(\d+)/],
  ["Firefox", /Firefox\/(\d+)/],
  ["Chrome", /Chrome\/(\d+)/],
  ["Safari", /Version\/(\d+).*Safari/],
] as const;

/** The browser and its system, from `navigator.userAgent`: `Firefox 140 on Linux`. */
export function browserName(userAgent: string): string {
  const system =
    /Android|iPhone|iPad|Windows|Mac OS X|CrOS|Linux/.exec(userAgent)?.[0] ?? "an unknown system";
  const place = system === "Mac OS X" ? "macOS" : system;
  for (const [name, pattern] of BROWSERS) {
    const version = pattern.exec(userAgent)?.[1];
    if (version) return `${name} ${version} on ${place}`;
  }
  return `A browser on ${place}`;
}

/** Whether a token looks like a JWT (RFC 7519, section 3): three parts separated by dots. Fixed secrets seldom do. */
export function isSigned(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
}
