/** A rasterizer: fills triangles row by row with a depth test and one matcap look-up per pixel. */
import type { Projected } from "./camera.ts";
import type { Canvas } from "./canvas.ts";
import { dim } from "./canvas.ts";
import { MATCAP_SIZE } from "./matcap.ts";
import type { Mesh } from "./mesh.ts";

/** The buffers of the rasterizer, each of the canvas's size, and the matcap. */
export interface Surface {
  readonly canvas: Canvas;
  /** Nearness of the drawn surface per pixel; 0 for none. */
  readonly depth: Float32Array;
  /** Per pixel, 1 if an outline in it is smoothed already. */
  readonly smoothed: Uint8Array;
  readonly matcap: Int32Array;
}

const MATCAP_SHIFT = Math.log2(MATCAP_SIZE);

/** Draws the triangles that face the camera, and writes to `facing` 1 for each of them and 0 for the others. */
export function fillMesh(surface: Surface, mesh: Mesh, projected: Projected, facing: Uint8Array): void {
  const { x, y } = projected;
  const { triangles } = mesh;
  for (let i = 0, at = 0; i < facing.length; i++, at += 3) {
    const a = triangles[at] ?? 0;
    const b = triangles[at + 1] ?? 0;
    const c = triangles[at + 2] ?? 0;
    const ax = x[a] ?? 0;
    const ay = y[a] ?? 0;
    const area = ((x[b] ?? 0) - ax) * ((y[c] ?? 0) - ay) - ((x[c] ?? 0) - ax) * ((y[b] ?? 0) - ay);
    // The y axis points down, so counter-clockwise triangles have a negative area.
    facing[i] = area < 0 ? 1 : 0;
    if (area < 0) fillTriangle(surface, mesh, projected, a, b, c, area);
  }
}

function fillTriangle(
  surface: Surface,
  mesh: Mesh,
  projected: Projected,
  a: number,
  b: number,
  c: number,
  area: number,
): void {
  const { x, y, nearness, u, v } = projected;
  const { exposure } = mesh;
  const { canvas, depth, matcap } = surface;
  const { pixels, width, height } = canvas;
  const ax = x[a] ?? 0;
  const ay = y[a] ?? 0;
  const bx = x[b] ?? 0;
  const by = y[b] ?? 0;
  const cx = x[c] ?? 0;
  const cy = y[c] ?? 0;
  const top = Math.max(0, Math.ceil(Math.min(ay, by, cy) - 0.5));
  const bottom = Math.min(height, Math.ceil(Math.max(ay, by, cy) - 0.5));
  if (top >= bottom) return;

  // Each attribute is linear over the screen: its value at vertex a, and its change per pixel to the right and per row
  // down, from the changes along the two edges at a.
  const abx = bx - ax;
  const aby = by - ay;
  const acx = cx - ax;
  const acy = cy - ay;
  const inverse = 1 / area;
  const na = nearness[a] ?? 0;
  const nb = (nearness[b] ?? 0) - na;
  const nc = (nearness[c] ?? 0) - na;
  const nx = (nb * acy - nc * aby) * inverse;
  const ny = (nc * abx - nb * acx) * inverse;
  const ua = u[a] ?? 0;
  const ub = (u[b] ?? 0) - ua;
  const uc = (u[c] ?? 0) - ua;
  const ux = (ub * acy - uc * aby) * inverse;
  const uy = (uc * abx - ub * acx) * inverse;
  const va = v[a] ?? 0;
  const vb = (v[b] ?? 0) - va;
  const vc = (v[c] ?? 0) - va;
  const vx = (vb * acy - vc * aby) * inverse;
  const vy = (vc * abx - vb * acx) * inverse;
  const ea = exposure[a] ?? 0;
  const eb = (exposure[b] ?? 0) - ea;
  const ec = (exposure[c] ?? 0) - ea;
  const ex = (eb * acy - ec * aby) * inverse;
  const ey = (ec * abx - eb * acx) * inverse;

  for (let row = top; row < bottom; row++) {
    const middle = row + 0.5;
    let from = Number.POSITIVE_INFINITY;
    let to = Number.NEGATIVE_INFINITY;
    if (ay > middle !== by > middle) {
      const crossing = crossingOf(ax, ay, bx, by, middle);
      from = Math.min(from, crossing);
      to = Math.max(to, crossing);
    }
    if (by > middle !== cy > middle) {
      const crossing = crossingOf(bx, by, cx, cy, middle);
      from = Math.min(from, crossing);
      to = Math.max(to, crossing);
    }
    if (cy > middle !== ay > middle) {
      const crossing = crossingOf(cx, cy, ax, ay, middle);
      from = Math.min(from, crossing);
      to = Math.max(to, crossing);
    }
    const first = Math.max(0, Math.ceil(from - 0.5));
    const end = Math.min(width, Math.ceil(to - 0.5));
    const dx = first + 0.5 - ax;
    const dy = middle - ay;
    let near = na + nx * dx + ny * dy;
    let texelU = ua + ux * dx + uy * dy;
    let texelV = va + vx * dx + vy * dy;
    let light = 256 * (ea + ex * dx + ey * dy);
    for (let at = row * width + first, last = row * width + end; at < last; at++) {
      if (near > (depth[at] ?? 0)) {
        depth[at] = near;
        pixels[at] = dim(matcap[((texelV | 0) << MATCAP_SHIFT) | (texelU | 0)] ?? 0, light | 0);
      }
      near += nx;
      texelU += ux;
      texelV += vx;
      light += 256 * ex;
    }
  }
}

/** The x at which an edge crosses a row. Computed from the upper end, so that neighbours agree to the bit. */
function crossingOf(ax: number, ay: number, bx: number, by: number, row: number): number {
  return ay < by ? ax + ((row - ay) * (bx - ax)) / (by - ay) : bx + ((row - by) * (ax - bx)) / (ay - by);
}
