/** Pixels to draw on, and the arithmetic of their packed colours. */

/**
 * A picture of `width * height` pixels, rows top down, one 32-bit word each whose bytes in memory are
 * R, G, B, A (Node runs on little-endian machines only, but for s390x). Signed, because V8 keeps
 * signed words in machine registers and unsigned ones in doubles.
 */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly pixels: Int32Array;
}

/** An opaque colour from sRGB channels, 0 to 255; fractions are rounded, the rest clamped. */
export function colour(red: number, green: number, blue: number): number {
  return (255 << 24) | (channel(blue) << 16) | (channel(green) << 8) | channel(red);
}

function channel(value: number): number {
  return Math.max(0, Math.min(255, Math.round(value)));
}

/** From `under` (at `share` 0) to `over` (at 256), channel by channel; opaque. */
export function mix(under: number, over: number, share: number): number {
  const rest = 256 - share;
  const redBlue = (Math.imul(under & 0xff00ff, rest) + Math.imul(over & 0xff00ff, share)) >>> 8;
  const green = (Math.imul(under & 0xff00, rest) + Math.imul(over & 0xff00, share)) >>> 8;
  return (255 << 24) | (redBlue & 0xff00ff) | (green & 0xff00);
}

/** A colour dimmed to `share` 256ths; opaque. */
export function dim(bright: number, share: number): number {
  const redBlue = Math.imul(bright & 0xff00ff, share) >>> 8;
  const green = Math.imul(bright & 0xff00, share) >>> 8;
  return (255 << 24) | (redBlue & 0xff00ff) | (green & 0xff00);
}

/** 0 below `from`, 1 above `to`, and an S-curve between them. */
export function smoothstep(from: number, to: number, value: number): number {
  const share = Math.max(0, Math.min(1, (value - from) / (to - from)));
  return share * share * (3 - 2 * share);
}
