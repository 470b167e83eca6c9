/**
 * The bitrate ladder: the renditions of a stream, best first. Each viewer gets the best rendition that its network
 * carries. A level is an index into this list; level 0 is the full rendition.
 */

/** One rendition of the ladder. */
export interface Rung {
  /** Its bitrate as a fraction of the full one. */
  readonly share: number;
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
];

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
