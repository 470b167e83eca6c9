/** Three-dimensional vectors as arrays: slow, so only for computations that are not repeated for each frame. */

/** A vector in space. */
export type Vector = readonly [x: number, y: number, z: number];

/** Returns a + b. */
export function add(a: Vector, b: Vector): Vector {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
}

/** Returns the vector times a number. */
export function scale(a: Vector, by: number): Vector {
  return [a[0] * by, a[1] * by, a[2] * by];
}

/** Returns the dot product. */
export function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/** Returns the cross product a x b. */
export function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** Returns the vector scaled to length 1. */
export function normalize(a: Vector): Vector {
  return scale(a, 1 / Math.hypot(...a));
}
