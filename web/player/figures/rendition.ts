/** What the viewer's rendition is of the stream's picture, in words. */

import { rungOf, sizeAt } from "../../../src/ladder.ts";
import type { StreamInfo } from "../../../src/signaling/protocol.ts";
import { NONE, size } from "./format.ts";

/** The full picture, as far as the server has described it; without pixels where it has seen none. */
type Full = Pick<StreamInfo, "width" | "height" | "fps">;

/** What a rendition that is not the full one has less of, as the eye sees it first. */
export type Reduction = "smaller" | "coarser";

/** Undefined for the full rendition. */
export function reductionOf(level: number, full: Full | undefined): Reduction | undefined {
  if (level === 0) return undefined;
  return pixelsOf(level, full) < 1 ? "smaller" : "coarser";
}

/** Such as `480 × 270 of 960 × 540, 10 of 20 fps`. */
export function renditionName(level: number | undefined, full: Full | undefined): string {
  if (level === undefined) return NONE;
  if (level === 0) return "full";
  const { share, every } = rungOf(level);
  const pixels = pixelsOf(level, full);
  return [
    pixels === 1 ? "full size" : sizeName(level, full),
    // Fewer bits for each pixel of a frame.
    ...((share * every) / pixels < 0.9 ? ["coarser"] : []),
    ...(every > 1 ? [rateName(every, full)] : []),
  ].join(", ");
}

/** Share of the full picture's pixels. */
function pixelsOf(level: number, full: Full | undefined): number {
  if (!full?.width) return 1 / rungOf(level).scale ** 2;
  const { width, height } = sizeAt(level, full.width, full.height);
  return (width * height) / (full.width * full.height);
}

function sizeName(level: number, full: Full | undefined): string {
  if (!full?.width) return "smaller";
  const { width, height } = sizeAt(level, full.width, full.height);
  // Where it takes two lines it breaks between the sizes.
  return `${size(width, height)} of ${size(full.width, full.height)}`.replaceAll(" × ", "\u00a0×\u00a0");
}

function rateName(every: number, full: Full | undefined): string {
  const rate = Math.round(full?.fps ?? 0);
  return rate < every ? `one frame in ${every}` : `${Math.round(rate / every)} of ${rate} fps`;
}
