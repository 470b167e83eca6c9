/**
 * Anti-aliasing by geometry (Persson's GPAA): an outline's exact position is known, so each pixel it
 * crosses takes as much of its neighbour's colour as the neighbour covers of it.
 */
import type { Projected } from "./camera.ts";
import { mix } from "./canvas.ts";
import { MATCAP_SIZE } from "./matcap.ts";
import type { Mesh } from "./mesh.ts";
import type { Surface } from "./raster.ts";

/** How far an outline may lie behind what is drawn there and still be visible, in nearness. */
const TOLERANCE = 0.008;

/** Smooths the mesh's visible outlines: the edges between a triangle that faces the camera and one that does not. */
export function smoothOutlines(surface: Surface, mesh: Mesh, projected: Projected, facing: Uint8Array): void {
  const { edges } = mesh;
  const { u, v } = projected;
  surface.smoothed.fill(0);
  for (let at = 0; at < edges.length; at += 4) {
    if (facing[edges[at + 2] ?? 0] === facing[edges[at + 3] ?? 0]) continue;
    const a = edges[at] ?? 0;
    const b = edges[at + 1] ?? 0;
    // The surface's normal tells how the outline runs and which side is outside. The edge itself does
    // not: outlines zigzag along triangles smaller than a pixel.
    const outX = (u[a] ?? 0) + (u[b] ?? 0) - MATCAP_SIZE;
    const outY = (v[a] ?? 0) + (v[b] ?? 0) - MATCAP_SIZE;
    if (Math.abs(outY) >= Math.abs(outX)) smoothLevel(surface, projected, a, b, outY > 0);
    else smoothSteep(surface, projected, a, b, outX > 0);
  }
}

/** Walks an edge column by column. `outsideAfter`: the outside is below it. */
function smoothLevel(
  surface: Surface,
  projected: Projected,
  a: number,
  b: number,
  outsideAfter: boolean,
): void {
  const { width, height } = surface.canvas;
  const { x, y, nearness } = projected;
  const [left, right] = (x[a] ?? 0) < (x[b] ?? 0) ? [a, b] : [b, a];
  const x0 = x[left] ?? 0;
  const y0 = y[left] ?? 0;
  const n0 = nearness[left] ?? 0;
  const run = (x[right] ?? 0) - x0;
  const slope = ((y[right] ?? 0) - y0) / run;
  const rise = ((nearness[right] ?? 0) - n0) / run;
  const end = Math.min(width, Math.ceil(x0 + run - 0.5));
  for (let column = Math.max(0, Math.ceil(x0 - 0.5)); column < end; column++) {
    const along = column + 0.5 - x0;
    const line = y0 + slope * along;
    const row = Math.floor(line);
    if (row < 1 || row >= height - 1) continue;
    blend(surface, row * width + column, width, outsideAfter, line - row, n0 + rise * along);
  }
}

/** Walks an edge row by row. `outsideAfter`: the outside is to its right. */
function smoothSteep(
  surface: Surface,
  projected: Projected,
  a: number,
  b: number,
  outsideAfter: boolean,
): void {
  const { width, height } = surface.canvas;
  const { x, y, nearness } = projected;
  const [upper, lower] = (y[a] ?? 0) < (y[b] ?? 0) ? [a, b] : [b, a];
  const x0 = x[upper] ?? 0;
  const y0 = y[upper] ?? 0;
  const n0 = nearness[upper] ?? 0;
  const run = (y[lower] ?? 0) - y0;
  const slope = ((x[lower] ?? 0) - x0) / run;
  const rise = ((nearness[lower] ?? 0) - n0) / run;
  const end = Math.min(height, Math.ceil(y0 + run - 0.5));
  for (let row = Math.max(0, Math.ceil(y0 - 0.5)); row < end; row++) {
    const along = row + 0.5 - y0;
    const line = x0 + slope * along;
    const column = Math.floor(line);
    if (column < 1 || column >= width - 1) continue;
    blend(surface, row * width + column, 1, outsideAfter, line - column, n0 + rise * along);
  }
}

/**
 * Blends the pixel `at`, which an outline at `nearness` crosses `offset` (0 to 1) from its upper or left
 * side, with the neighbour (`step` on or back) that covers part of it.
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
  // A zigzag crosses a pixel more than once, at nearly the same place: once is enough.
  if (smoothed[at] === 1) return;
  const outwards = outsideAfter ? step : -step;
  const outside = outsideAfter ? 1 - offset : offset;
  const centreInside = outside <= 0.5;
  if ((depth[centreInside ? at : at - outwards] ?? 0) > nearness + TOLERANCE) return;
  smoothed[at] = 1;
  const neighbour = centreInside ? at + outwards : at - outwards;
  const share = centreInside ? outside : 1 - outside;
  canvas.pixels[at] = mix(canvas.pixels[at] ?? 0, canvas.pixels[neighbour] ?? 0, Math.round(256 * share));
}
