/** Describes the viewer's rendition relative to the full picture. */

import { rungOf, sizeAt } from "../../../src/shared/ladder.ts";
import type { StreamInfo } from "../../../src/shared/protocol.ts";
import { NONE, size } from "./format.ts";

/** The full picture as the server describes it; width and height are 0 before the first picture. */
type Full = Pick<StreamInfo, "width" | "height" | "fps">;

/** The most visible difference between a reduced rendition and the full one. */
export type Reduction = "smaller" | "coarser";

/** The reduction of a rendition level; undefined for level 0, the full rendition. */
export function reductionOf(level: number, full: Full | undefined): Reduction | undefined {
  if (level === 0) return undefined;
  return pixelsOf(level, full) < 1 ? "smaller" : "coarser";
}

/** A rendition in words, such as `480 × 270 of 960 × 540, 10 of 20 fps`. */
export function renditionName(level: number | undefined, full: Full | undefined): string {
  if (level === undefined) return NONE;
  if (level === 0) return "full";
  const { share, every } = rungOf(level);
  const pixels = pixelsOf(level, full);
  return [
    pixels === 1 ? "full size" : sizeName(level, full),
    // Fewer bits per pixel.
    ...((share * every) / pixels < 0.9 ? ["coarser"] : []),
    ...(every > 1 ? [rateName(every, full)] : []),
  ].join(", ");
}

/** The rendition's share of the full picture's pixels. */
function pixelsOf(level: number, full: Full | undefined): number {
  if (!full?.width) return 1 / rungOf(level).scale ** 2;
  const { width, height } = sizeAt(level, full.width, full.height);
  return (width * height) / (full.width * full.height);
}

function sizeName(level: number, full: Full | undefined): string {
  if (!full?.width) return "smaller";
  const { width, height } = sizeAt(level, full.width, full.height);
  // If it needs two lines, it breaks between the sizes.
  return `${size(width, height)} of ${size(full.width, full.height)}`.replaceAll(" × ", "\u00a0×\u00a0");
}

function rateName(every: number, full: Full | undefined): string {
  const rate = Math.round(full?.fps ?? 0);
  return rate < every ? `one frame in ${every}` : `${Math.round(rate / every)} of ${rate} fps`;
}
