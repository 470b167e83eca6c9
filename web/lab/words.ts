/** How the lab writes its figures. The units stand beside them. */
import { NONE } from "../player/figures/format.ts";

/** Milliseconds to a tenth, or whole ones from a hundred on. */
export function tenths(value: number | undefined): string {
  if (value === undefined) return NONE;
  return value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}

/** Bytes a second. */
export function byteRate(value: number | undefined): string {
  if (value === undefined) return NONE;
  return value < 999_500 ? `${(value / 1000).toFixed(0)} kB/s` : `${(value / 1e6).toFixed(1)} MB/s`;
}

/** Each names itself besides those before it. */
const BROWSERS = [
  ["Edge", /Edg\/(\d+)/],
  ["Firefox", /Firefox\/(\d+)/],
  ["Chrome", /Chrome\/(\d+)/],
  ["Safari", /Version\/(\d+).*Safari/],
] as const;

/** The browser and its system, from what `navigator.userAgent` tells: `Firefox 140 on Linux`. */
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

/** Whether a token is a JWT (RFC 7519, section 3): three parts with dots between them. Fixed secrets seldom look so. */
export function isSigned(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
}
