/** How much of the light around a tube its own windings keep away, worked out once a mesh. */
import { add, dot, scale, type Vector } from "./vector.ts";

/** How dark a full hemisphere of tube makes a point: to taste. */
const STRENGTH = 1.5;

/**
 * The share of the light around that reaches each vertex, 0 to 1. The tube along `centres` (a
 * closed curve) is taken for a string of spheres, each of which hides the solid angle it fills.
 */
export function tubeExposure(
  positions: readonly Vector[],
  normals: readonly Vector[],
  centres: readonly Vector[],
  radius: number,
): Float32Array {
  const lengths = centres.map((centre, i) => {
    const next = centres[(i + 1) % centres.length] ?? centre;
    return Math.hypot(...add(next, scale(centre, -1)));
  });
  return Float32Array.from(positions, (position, i) => {
    const normal = normals[i] ?? position;
    let hidden = 0;
    centres.forEach((centre, j) => {
      const towards = add(centre, scale(position, -1));
      const distance = Math.hypot(...towards);
      const facing = dot(normal, towards) / distance;
      // Spheres that overlap hide only what their own length of the tube hides.
      const share = (lengths[j] ?? 0) / (2 * radius);
      if (facing > 0) hidden += facing * share * (radius / distance) ** 2;
    });
    return Math.exp(-STRENGTH * hidden);
  });
}
