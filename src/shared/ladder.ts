/**
 * The bitrate ladder: the renditions of a stream, best first. Each viewer gets the best rendition that its network
 * carries. A level is an index into this list; level 0 is the full rendition.
 */

/** One rendition of the ladder. */
export interface Rung {
  /** Its bitrate as a fraction of the full one. */
  readonly share: number;
  /** Limit for its bitrate, in bits per second: whatever the full bitrate is, a slow network gets a picture. */
  readonly maxBitrate?: number;
  /** Encodes one frame in this many. */
  readonly every: number;
  /** Divides width and height of the picture by up to this. */
  readonly scale: number;
}

/** The rungs by level. */
export const LADDER: readonly [Rung, ...Rung[]] = [
  { share: 1, every: 1, scale: 1 },
  { share: 1 / 2, every: 1, scale: 1 },
  { share: 1 / 4, every: 1, scale: 2 },
  { share: 1 / 8, every: 1, scale: 2 },
  // This bitrate is too low for the full frame rate.
  { share: 1 / 16, every: 2, scale: 4 },
  { share: 1 / 32, maxBitrate: 150_000, every: 3, scale: 4 },
  { share: 1 / 64, maxBitrate: 60_000, every: 6, scale: 8 },
];

/** The level of the lowest rendition. */
export const LOWEST_LEVEL: number = LADDER.length - 1;

/** Lower bitrates show nothing, whatever the size, and encoders refuse them. In bits per second. */
const MIN_BITRATE = 20_000;

/**
 * The bitrate of a level in bits per second.
 * @param full bitrate of level 0.
 */
export function bitrateAt(level: number, full: number): number {
  const { share, maxBitrate = Number.POSITIVE_INFINITY } = rungOf(level);
  return Math.round(Math.max(Math.min(share * full, maxBitrate), Math.min(full / 16, MIN_BITRATE)));
}

/** The rung of a level; the full one for an unknown level. */
export function rungOf(level: number): Rung {
  return LADDER[level] ?? LADDER[0];
}

/** No rendition is scaled below this many pixels on its shorter side. */
const MIN_SIDE = 180;

/** The size of a rendition in pixels. Scaled sizes are even, as chroma subsampling prefers. */
export function sizeAt(level: number, width: number, height: number): { width: number; height: number } {
  let { scale } = rungOf(level);
  while (scale > 1 && Math.min(width, height) / scale < MIN_SIDE) scale /= 2;
  const side = (pixels: number) => (scale === 1 ? pixels : 2 * Math.round(pixels / scale / 2));
  return { width: side(width), height: side(height) };
}
