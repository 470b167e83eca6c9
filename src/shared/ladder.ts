/**
 * The renditions that one picture can have, best first: a viewer is sent the best that its network carries. A level is a
 * place in this list.
 */
export interface Rung {
  /** Of the full rendition's bitrate. */
  readonly share: number;
  /** One frame of so many is encoded. */
  readonly every: number;
  /** Pixels of the picture for one of the rendition, each way, at most. */
  readonly scale: number;
}

export const LADDER: readonly [Rung, ...Rung[]] = [
  { share: 1, every: 1, scale: 1 },
  { share: 1 / 2, every: 1, scale: 1 },
  { share: 1 / 4, every: 1, scale: 2 },
  { share: 1 / 8, every: 1, scale: 2 },
  // So few bits are too few for all frames.
  { share: 1 / 16, every: 2, scale: 4 },
];

export function rungOf(level: number): Rung {
  return LADDER[level] ?? LADDER[0];
}

/** Pixels of the shorter side that a smaller rendition has at least. */
const SMALLEST_SIDE = 180;

/** The size of a rendition: whole pixels, and an even number of them unless it is the picture's own size. */
export function sizeAt(level: number, width: number, height: number): { width: number; height: number } {
  let { scale } = rungOf(level);
  while (scale > 1 && Math.min(width, height) / scale < SMALLEST_SIDE) scale /= 2;
  const side = (pixels: number) => (scale === 1 ? pixels : 2 * Math.round(pixels / scale / 2));
  return { width: side(width), height: side(height) };
}
