/** The geometry of the built-in scene: a trefoil knot made of a tube. */
import { tubeExposure } from "./occlusion.ts";
import { add, cross, normalize, scale, type Vector } from "./vector.ts";

/** Triangles with shared vertices, within the unit sphere around the origin. */
export interface Mesh {
  readonly vertexCount: number;
  /** Three numbers per vertex. */
  readonly positions: Float32Array;
  /** Three numbers per vertex: a unit vector that points outwards. */
  readonly normals: Float32Array;
  /** One number per vertex: the share of ambient light that reaches it, 0 to 1. */
  readonly exposure: Float32Array;
  /** Three vertex indices per triangle, counter-clockwise from outside. */
  readonly triangles: Uint32Array;
  /** Four indices per edge: its two vertices, and the two triangles that share it. */
  readonly edges: Uint32Array;
}

/** Radius of the tube; that of the knot is 3. */
const TUBE = 0.7;
/** Distance between the windings, large enough that the tube does not touch itself. */
const DEPTH = 1.4;
const SIZE = 1 / (3 + TUBE);

/** Makes a trefoil knot with `along` steps along its curve and `around` steps around its tube. */
export function trefoil(along: number, around: number): Mesh {
  const positions: Vector[] = [];
  const normals: Vector[] = [];
  // One point in four is enough for soft occlusion.
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

/** A point of the curve at `t`, 0 to 2 pi, with its Frenet frame, which exists because a trefoil bends everywhere. */
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

/** Makes the triangles and edges of a grid that closes in both directions, two triangles per square. */
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
