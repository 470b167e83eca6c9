/** Draws text: renders the typeface's strokes to anti-aliased masks once, and blends them into pictures. */
import { type Canvas, mix } from "./canvas.ts";
import { ASCENT, DESCENT, GLYPHS, type Glyph } from "./glyphs.ts";

/** The coverage of a character. */
interface Mask {
  readonly width: number;
  readonly height: number;
  /** 0 to 256 per pixel, rows top down. */
  readonly shares: Uint16Array;
  readonly advance: number;
}

type Segment = readonly [fromX: number, fromY: number, toX: number, toY: number];

/** Pixels around a character, for the soft edges of its strokes. */
const MARGIN = 1;
/** Free units on the right of a character. */
const GAP = 2;
const CURVE_STEPS = 8;

/** The typeface at one size: one unit is `scale` whole pixels. */
export class Font {
  /** Pixels from the baseline to the top of the tallest characters. */
  readonly ascent: number;
  /** Pixels from the baseline to the bottom of the lowest characters. */
  readonly descent: number;
  readonly #gap: number;
  readonly #masks: ReadonlyMap<string, Mask>;

  constructor(scale: number) {
    this.ascent = ASCENT * scale;
    this.descent = DESCENT * scale;
    this.#masks = new Map(
      Object.entries(GLYPHS).map(([character, glyph]) => [character, maskOf(glyph, scale)]),
    );
    this.#gap = GAP * scale;
  }

  /** The width of a text in pixels. */
  measure(text: string): number {
    let width = -this.#gap;
    for (const character of text) width += this.#masks.get(character)?.advance ?? 0;
    return Math.max(0, width);
  }

  /** Draws a text from `left`, on the top edge of row `baseline`. All of it must lie inside the canvas. */
  draw({ pixels, width }: Canvas, text: string, left: number, baseline: number, ink: number): void {
    let pen = left - MARGIN;
    const top = baseline - this.ascent - MARGIN;
    for (const character of text) {
      const mask = this.#masks.get(character);
      if (!mask) continue;
      for (let row = 0, from = 0; row < mask.height; row++) {
        for (let column = 0, at = (top + row) * width + pen; column < mask.width; column++, at++, from++) {
          const share = mask.shares[from] ?? 0;
          if (share > 0) pixels[at] = mix(pixels[at] ?? 0, ink, share);
        }
      }
      pen += mask.advance;
    }
  }
}

function maskOf({ strokes, advance }: Glyph, scale: number): Mask {
  const segments = flatten(strokes);
  const width = Math.max(0, advance - GAP) * scale + 2 * MARGIN;
  const height = (ASCENT + DESCENT) * scale + 2 * MARGIN;
  const weight = 0.5 * scale + 0.1;
  const shares = Uint16Array.from({ length: width * height }, (_, i) => {
    const x = ((i % width) + 0.5 - MARGIN) / scale - 0.5;
    const y = ASCENT - 0.5 - (Math.floor(i / width) + 0.5 - MARGIN) / scale;
    const distance = Math.min(...segments.map((segment) => distanceTo(segment, x, y))) * scale;
    return Math.round(256 * Math.max(0, Math.min(1, weight + 0.5 - distance)));
  });
  return { width, height, shares, advance: advance * scale };
}

/** Converts a glyph's strokes to straight lines. */
function flatten(strokes: string): Segment[] {
  const segments: Segment[] = [];
  let [penX, penY] = [0, 0];
  const line = (x: number, y: number) => {
    segments.push([penX, penY, x, y]);
    [penX, penY] = [x, y];
  };
  for (const [, command, rest = ""] of strokes.matchAll(/([MLQ])([^MLQ]*)/g)) {
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = rest.trim().split(" ").map(Number);
    const [fromX, fromY] = [penX, penY];
    if (command === "M") [penX, penY] = [x1, y1];
    else if (command === "L") line(x1, y1);
    else {
      for (let step = 1; step <= CURVE_STEPS; step++) {
        const t = step / CURVE_STEPS;
        const [a, b, c] = [(1 - t) ** 2, 2 * t * (1 - t), t * t];
        line(a * fromX + b * x1 + c * x2, a * fromY + b * y1 + c * y2);
      }
    }
  }
  return segments;
}

function distanceTo([fromX, fromY, toX, toY]: Segment, x: number, y: number): number {
  const [dx, dy] = [toX - fromX, toY - fromY];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - fromX) * dx + (y - fromY) * dy) / length));
  return Math.hypot(x - fromX - along * dx, y - fromY - along * dy);
}
