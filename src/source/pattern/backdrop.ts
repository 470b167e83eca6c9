/** The still part of the scene: a dark studio with a glow behind the object, and a floor with a shadow. */
import type { Placement } from "./camera.ts";
import { colour, smoothstep } from "./canvas.ts";

/** Distance of the floor below the object's centre, in radii of the object. */
export const FLOOR = 1.0;

/** Renders the backdrop: packed colours as in `canvas.ts`, rows top down. Sizes are in pixels. */
export function backdrop(width: number, height: number, placement: Placement): Int32Array {
  const pixels = new Int32Array(width * height);
  const reach = Math.hypot(width, height) / 2;
  for (let row = 0, at = 0; row < height; row++) {
    const y = (row + 0.5 - placement.y) / placement.radius;
    const floor = smoothstep(FLOOR - 0.5, FLOOR + 0.5, y);
    for (let column = 0; column < width; column++, at++) {
      const x = (column + 0.5 - placement.x) / placement.radius;
      const glow = Math.exp(-(x * x * 0.2 + (y + 0.1) ** 2 * 0.42));
      // The floor is seen at a slant, so circles are flat ellipses.
      const away = x * x + ((y - FLOOR) * 3.4) ** 2;
      const pool = floor * Math.exp(-away * 0.16);
      const shadow = 1 - 0.72 * Math.exp(-away * 1.5);
      const corner = Math.hypot(column + 0.5 - width / 2, row + 0.5 - height / 2) / reach;
      const light = (1 - 0.45 * corner * corner) * shadow;
      const lit = light * (glow * (1 - 0.4 * floor) + 0.55 * pool);
      pixels[at] = colour(9 * light + 30 * lit, 11 * light + 38 * lit, 16 * light + 54 * lit);
    }
  }
  return pixels;
}
