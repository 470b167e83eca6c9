/** The object's reflection in the polished floor: the picture above, upside down and fading. */
import { type Canvas, mix } from "./canvas.ts";

/** The reflection's strength at the floor's edge, in 256ths. */
const STRENGTH = 96;

/** The place of the mirror, in pixels. */
export interface Mirror {
  /** Row `edge + i` mirrors row `edge - 1 - i`. */
  readonly edge: number;
  /** Rows until the reflection has faded. */
  readonly rows: number;
  readonly left: number;
  readonly right: number;
}

/** Mirrors the pixels above the edge that have a depth onto the rows below it. */
export function reflect(canvas: Canvas, depth: Float32Array, { edge, rows, left, right }: Mirror): void {
  const { pixels, width } = canvas;
  for (let row = 0; row < rows; row++) {
    const strength = Math.round(STRENGTH * (1 - row / rows));
    const from = (edge - 1 - row) * width;
    const to = (edge + row) * width;
    for (let column = left; column < right; column++) {
      if ((depth[from + column] ?? 0) === 0) continue;
      pixels[to + column] = mix(pixels[to + column] ?? 0, pixels[from + column] ?? 0, strength);
    }
  }
}
