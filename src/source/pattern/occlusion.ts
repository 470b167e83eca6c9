/** Ambient occlusion of a tube by its own windings, computed once per mesh. */
import { add, dot, scale, type Vector } from "./vector.ts";

/** Darkness of a point whose hemisphere is fully covered: a matter of taste. */
const STRENGTH = 1.5;

/**
 * The share of ambient light that reaches each vertex, 0 to 1. The tube along the closed curve `centres` is treated as
 * a string of spheres, each of which hides its solid angle.
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
      // Spheres overlap: each counts only for its length of the tube.
      const share = (lengths[j] ?? 0) / (2 * radius);
      if (facing > 0) hidden += facing * share * (radius / distance) ** 2;
    });
    return Math.exp(-STRENGTH * hidden);
  });
}
