/** Projects a mesh to the screen. */

import { MATCAP_SIZE } from "./matcap.ts";
import type { Mesh } from "./mesh.ts";

/** The projected vertices of a mesh, one number per vertex in each array. */
export interface Projected {
  /** Pixels from the picture's left and upper edge. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** Greater is nearer, and linear over the screen. */
  readonly nearness: Float32Array;
  /** Position of the vertex's normal in the matcap, in texels. */
  readonly u: Float32Array;
  readonly v: Float32Array;
}

/** Allocates the projected vertices of a mesh. */
export function projectedOf(mesh: Mesh): Projected {
  const numbers = () => new Float32Array(mesh.vertexCount);
  return { x: numbers(), y: numbers(), nearness: numbers(), u: numbers(), v: numbers() };
}

/** The projected unit sphere: centre and radius in pixels. */
export interface Placement {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** The rows of a rotation matrix. */
export type Rotation = readonly [
  xx: number,
  xy: number,
  xz: number,
  yx: number,
  yy: number,
  yz: number,
  zx: number,
  zy: number,
  zz: number,
];

/** Spins about the object's z axis, leans that axis back, then turns about the vertical axis. Angles in radians. */
export function rotation(spin: number, lean: number, turn: number): Rotation {
  const [cs, ss, cl, sl, ct, st] = [spin, lean, turn].flatMap((angle) => [
    Math.cos(angle),
    Math.sin(angle),
  ]) as [number, number, number, number, number, number];
  return [
    ct * cs + st * sl * ss,
    -ct * ss + st * sl * cs,
    st * cl,
    cl * ss,
    cl * cs,
    -sl,
    -st * cs + ct * sl * ss,
    st * ss + ct * sl * cs,
    ct * cl,
  ];
}

/** Distance of the camera from the object's centre, in radii of the object. */
const DISTANCE = 4.5;

/** Rotates and projects every vertex of the mesh into `out`. */
export function project(mesh: Mesh, turned: Rotation, placement: Placement, out: Projected): void {
  const [xx, xy, xz, yx, yy, yz, zx, zy, zz] = turned;
  const { positions, normals, vertexCount } = mesh;
  const focal = placement.radius * Math.sqrt(DISTANCE * DISTANCE - 1);
  const half = MATCAP_SIZE / 2;
  const reach = half - 1;
  for (let i = 0, at = 0; i < vertexCount; i++, at += 3) {
    const px = positions[at] ?? 0;
    const py = positions[at + 1] ?? 0;
    const pz = positions[at + 2] ?? 0;
    const nearness = 1 / (DISTANCE - (zx * px + zy * py + zz * pz));
    out.nearness[i] = nearness;
    out.x[i] = placement.x + focal * nearness * (xx * px + xy * py + xz * pz);
    out.y[i] = placement.y - focal * nearness * (yx * px + yy * py + yz * pz);
    const nx = normals[at] ?? 0;
    const ny = normals[at + 1] ?? 0;
    const nz = normals[at + 2] ?? 0;
    out.u[i] = half + reach * (xx * nx + xy * ny + xz * nz);
    out.v[i] = half - reach * (yx * nx + yy * ny + yz * nz);
  }
}
