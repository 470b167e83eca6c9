/** The geometry of the built-in scene: a trefoil knot, tied in a tube. */
import { tubeExposure } from "./occlusion.ts";
import { add, cross, normalize, scale, type Vector } from "./vector.ts";

/** Triangles over shared vertices. The whole fits the unit sphere around the origin. */
export interface Mesh {
  readonly vertexCount: number;
  /** Three numbers a vertex. */
  readonly positions: Float32Array;
  /** Three numbers a vertex, of length 1, outwards. */
  readonly normals: Float32Array;
  /** One number a vertex: the share of the light around that reaches it, 0 to 1. */
  readonly exposure: Float32Array;
  /** Three vertices a triangle, counter-clockwise seen from outside. */
  readonly triangles: Uint32Array;
  /** Four numbers an edge: its two vertices, then the two triangles that share it. */
  readonly edges: Uint32Array;
}

/** The tube's radius, where the knot's own is 3. */
const TUBE = 0.7;
/** How far the windings swing apart: enough to keep the tube clear of itself. */
const DEPTH = 1.4;
const SIZE = 1 / (3 + TUBE);

/** A trefoil knot of `along * around` vertices: that many steps along its curve and around its tube. */
export function trefoil(along: number, around: number): Mesh {
  const positions: Vector[] = [];
  const normals: Vector[] = [];
  // One in a few is enough for the soft shade of occlusion.
  const occluders: Vector[] = [];
  for (let i = 0; i < along; i++) {
    const { centre, normal, binormal } = frameAt((2 * Math.PI * i) / along);
    if (i % 4 === 0) occluders.push(scale(centre, SIZE));
    for (let j = 0; j < around; j++) {
      const angle = (2 * Math.PI * j) / around;
      const outward = add(scale(normal, Math.cos(angle)), scale(binormal, Math.sin(angle)));
      normals.push(outward);
      positions.push(scale(add(centre, scale(outward, TUBE)), SIZE));
    }
  }
  return {
    vertexCount: positions.length,
    positions: Float32Array.from(positions.flat()),
    normals: Float32Array.from(normals.flat()),
    exposure: tubeExposure(positions, normals, occluders, TUBE * SIZE),
    ...closedGrid(along, around),
  };
}

/** The curve at `t`, 0 to 2 pi, with its Frenet frame: a trefoil bends everywhere, so it has one. */
function frameAt(t: number): { centre: Vector; normal: Vector; binormal: Vector } {
  const centre: Vector = [
    Math.sin(t) + 2 * Math.sin(2 * t),
    Math.cos(t) - 2 * Math.cos(2 * t),
    -DEPTH * Math.sin(3 * t),
  ];
  const velocity: Vector = [
    Math.cos(t) + 4 * Math.cos(2 * t),
    -Math.sin(t) + 4 * Math.sin(2 * t),
    -3 * DEPTH * Math.cos(3 * t),
  ];
  const bend: Vector = [
    -Math.sin(t) - 8 * Math.sin(2 * t),
    -Math.cos(t) + 8 * Math.cos(2 * t),
    9 * DEPTH * Math.sin(3 * t),
  ];
  const binormal = normalize(cross(velocity, bend));
  return { centre, normal: normalize(cross(binormal, velocity)), binormal };
}

/** Two triangles for each square of a grid that closes in both directions, and the edges between them. */
function closedGrid(along: number, around: number): Pick<Mesh, "triangles" | "edges"> {
  const vertex = (i: number, j: number) => ((i + along) % along) * around + ((j + around) % around);
  const lower = (i: number, j: number) => 2 * vertex(i, j);
  const upper = (i: number, j: number) => lower(i, j) + 1;
  const triangles: number[] = [];
  const edges: number[] = [];
  for (let i = 0; i < along; i++) {
    for (let j = 0; j < around; j++) {
      const [here, next, side, across] = [
        vertex(i, j),
        vertex(i + 1, j),
        vertex(i, j + 1),
        vertex(i + 1, j + 1),
      ];
      triangles.push(here, across, next, here, side, across);
      edges.push(here, across, lower(i, j), upper(i, j));
      edges.push(here, next, lower(i, j), upper(i, j - 1));
      edges.push(here, side, upper(i, j), lower(i - 1, j));
    }
  }
  return { triangles: Uint32Array.from(triangles), edges: Uint32Array.from(edges) };
}
