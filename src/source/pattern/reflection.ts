/** The object's reflection in the polished floor: the picture above it, upside down and fading. */
import { type Canvas, mix } from "./canvas.ts";

/** The reflection's strength at the floor's edge, in 256ths. */
const STRENGTH = 96;

/** Where the mirror is, in pixels. */
export interface Mirror {
  /** Its edge: row `edge + i` mirrors row `edge - 1 - i`. */
  readonly edge: number;
  /** The rows it takes to fade. */
  readonly rows: number;
  readonly left: number;
  readonly right: number;
}

/** Mirrors what stands out from `backdrop` above the mirror's edge onto the rows below it. */
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
