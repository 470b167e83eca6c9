/**
 * The renditions that one picture can have, best first: a viewer is sent the best that its network carries. A level is a
 * place in this list.
 */
export interface Rung {
  /** Of the full rendition's bitrate. */
  readonly share: number;
  /** One frame of so many is encoded. */
  readonly every: number;
}

export const LADDER: readonly [Rung, ...Rung[]] = [
  { share: 1, every: 1 },
  { share: 1 / 4, every: 1 },
  // A tenth of the bits is too few for all frames.
  { share: 1 / 12, every: 2 },
];

export function rungOf(level: number): Rung {
  return LADDER[level] ?? LADDER[0];
}
