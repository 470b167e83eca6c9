/** The canvas, and arithmetic for its packed colours. */

/**
 * A picture of `width * height` pixels, rows top down. Each is a 32-bit word whose bytes in memory are R, G, B, A on
 * little-endian machines (all that Node.js supports but s390x). Signed, because V8 keeps signed words in registers and
 * unsigned ones in doubles.
 */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly pixels: Int32Array;
}

/** Packs sRGB channels, 0 to 255, into an opaque colour. Values are rounded and clamped. */
export function colour(red: number, green: number, blue: number): number {
  return (255 << 24) | (channel(blue) << 16) | (channel(green) << 8) | channel(red);
}

function channel(value: number): number {
  return Math.max(0, Math.min(255, Math.round(value)));
}

/** Interpolates each channel from `under` (`share` 0) to `over` (`share` 256). The result is opaque. */
export function mix(under: number, over: number, share: number): number {
  const rest = 256 - share;
  const redBlue = (Math.imul(under & 0xff00ff, rest) + Math.imul(over & 0xff00ff, share)) >>> 8;
  const green = (Math.imul(under & 0xff00, rest) + Math.imul(over & 0xff00, share)) >>> 8;
  return (255 << 24) | (redBlue & 0xff00ff) | (green & 0xff00);
}

/** Dims a colour to `share` / 256. The result is opaque. */
export function dim(bright: number, share: number): number {
  const redBlue = Math.imul(bright & 0xff00ff, share) >>> 8;
  const green = Math.imul(bright & 0xff00, share) >>> 8;
  return (255 << 24) | (redBlue & 0xff00ff) | (green & 0xff00);
}

/** Returns 0 below `from`, 1 above `to`, and an S-curve in between. */
export function smoothstep(from: number, to: number, value: number): number {
  const share = Math.max(0, Math.min(1, (value - from) / (to - from)));
  return share * share * (3 - 2 * share);
}
