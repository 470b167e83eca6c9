/**
 * Geometric anti-aliasing (Persson's GPAA): the exact position of an outline is known, so each pixel on it is blended
 * with its neighbour by coverage.
 */
import type { Projected } from "./camera.ts";
import { mix } from "./canvas.ts";
import { MATCAP_SIZE } from "./matcap.ts";
import type { Mesh } from "./mesh.ts";
import type { Surface } from "./raster.ts";

/** An outline counts as visible if it is behind the drawn surface by at most this much, in nearness. */
const DEPTH_TOLERANCE = 0.008;

/** Smooths the visible outlines: edges between a triangle that faces the camera (1 in `facing`) and another. */
export function smoothOutlines(surface: Surface, mesh: Mesh, projected: Projected, facing: Uint8Array): void {
  const { edges } = mesh;
  const { u, v, x, y, nearness } = projected;
  const { width, height } = surface.canvas;
  const columns: Axis = { points: x, length: width, step: 1 };
  const rows: Axis = { points: y, length: height, step: width };
  surface.smoothed.fill(0);
  for (let at = 0; at < edges.length; at += 4) {
    if (facing[edges[at + 2] ?? 0] === facing[edges[at + 3] ?? 0]) continue;
    const a = edges[at] ?? 0;
    const b = edges[at + 1] ?? 0;
    // The surface's normal shows the direction of the outline and its outer side. The edge itself does not, because
    // outlines zigzag along triangles smaller than a pixel.
    const outX = (u[a] ?? 0) + (u[b] ?? 0) - MATCAP_SIZE;
    const outY = (v[a] ?? 0) + (v[b] ?? 0) - MATCAP_SIZE;
    if (Math.abs(outY) >= Math.abs(outX)) walk(surface, nearness, a, b, columns, rows, outY > 0);
    else walk(surface, nearness, a, b, rows, columns, outX > 0);
  }
}

/** One axis of the picture: coordinates of the points, its length in pixels, and the distance of pixels in memory. */
interface Axis {
  readonly points: Projected["x"];
  readonly length: number;
  readonly step: number;
}

/**
 * Walks along an edge pixel by pixel on one axis, and blends the pixel that it crosses on the other.
 * @param outsideAfter the outside is below the edge, or to its right.
 */
function walk(
  surface: Surface,
  nearness: Projected["nearness"],
  a: number,
  b: number,
  along: Axis,
  across: Axis,
  outsideAfter: boolean,
): void {
  const [first, last] = (along.points[a] ?? 0) < (along.points[b] ?? 0) ? [a, b] : [b, a];
  const start = along.points[first] ?? 0;
  const line0 = across.points[first] ?? 0;
  const near0 = nearness[first] ?? 0;
  const run = (along.points[last] ?? 0) - start;
  const slope = ((across.points[last] ?? 0) - line0) / run;
  const rise = ((nearness[last] ?? 0) - near0) / run;
  const end = Math.min(along.length, Math.ceil(start + run - 0.5));
  for (let pixel = Math.max(0, Math.ceil(start - 0.5)); pixel < end; pixel++) {
    const way = pixel + 0.5 - start;
    const line = line0 + slope * way;
    const crossed = Math.floor(line);
    if (crossed < 1 || crossed >= across.length - 1) continue;
    const at = pixel * along.step + crossed * across.step;
    blend(surface, at, across.step, outsideAfter, line - crossed, near0 + rise * way);
  }
}

/**
 * Blends the pixel at the index `at` with a neighbour, `step` before or after it. The outline crosses the pixel at
 * `offset`, 0 to 1 from its upper or left side.
 */
function blend(
  surface: Surface,
  at: number,
  step: number,
  outsideAfter: boolean,
  offset: number,
  nearness: number,
): void {
  const { canvas, depth, smoothed } = surface;
  // A zigzag outline crosses a pixel several times at nearly the same place: blend once.
  if (smoothed[at] === 1) return;
  const outwards = outsideAfter ? step : -step;
  const outside = outsideAfter ? 1 - offset : offset;
  const centreInside = outside <= 0.5;
  if ((depth[centreInside ? at : at - outwards] ?? 0) > nearness + DEPTH_TOLERANCE) return;
  smoothed[at] = 1;
  const neighbour = centreInside ? at + outwards : at - outwards;
  const share = centreInside ? outside : 1 - outside;
  canvas.pixels[at] = mix(canvas.pixels[at] ?? 0, canvas.pixels[neighbour] ?? 0, Math.round(256 * share));
}
