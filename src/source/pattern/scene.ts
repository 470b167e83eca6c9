/** Composes the built-in scene of backdrop, object, reflection, texts and frame code. */
import type { EpochMs, Millis } from "../../base/clock.ts";
import { backdrop, FLOOR } from "./backdrop.ts";
import { type Placement, type Projected, project, projectedOf, rotation } from "./camera.ts";
import type { Canvas } from "./canvas.ts";
import { drawFrameCode, frameCodeHeight } from "./code.ts";
import { smoothOutlines } from "./edges.ts";
import { Labels } from "./labels.ts";
import { studioMatcap } from "./matcap.ts";
import { type Mesh, trefoil } from "./mesh.ts";
import { fillMesh } from "./raster.ts";
import { type Mirror, reflect } from "./reflection.ts";

/** Periods of the rotation about the vertical axis, and about the knot's own. */
const TURN_PERIOD: Millis = 18_000;
const SPIN_PERIOD: Millis = 27_000;

/** The inputs of one frame. */
export interface Moment {
  readonly frameNumber: number;
  readonly time: EpochMs;
}

/** The scene at one size, at least 16x16 pixels. Holds the buffers that all frames share. */
export class Scene {
  readonly width: number;
  readonly height: number;
  readonly #placement: Placement;
  readonly #backdrop: Int32Array;
  readonly #matcap = studioMatcap();
  readonly #mesh: Mesh;
  readonly #projected: Projected;
  readonly #facing: Uint8Array;
  readonly #depth: Float32Array;
  readonly #smoothed: Uint8Array;
  readonly #mirror: Mirror;
  readonly #labels: Labels;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    const radius = 0.36 * Math.min(height, 0.8 * width);
    this.#placement = { x: width / 2, y: 0.46 * height, radius };
    this.#backdrop = backdrop(width, height, this.#placement);
    this.#mesh = height < 400 ? trefoil(160, 36) : trefoil(240, 54);
    this.#projected = projectedOf(this.#mesh);
    this.#facing = new Uint8Array(this.#mesh.triangles.length / 3);
    this.#depth = new Float32Array(width * height);
    this.#smoothed = new Uint8Array(width * height);
    const footer = frameCodeHeight(width, height);
    const edge = Math.round(this.#placement.y + FLOOR * radius);
    this.#mirror = {
      edge,
      rows: Math.max(0, Math.min(Math.round(0.6 * radius), edge, height - footer - edge)),
      left: Math.max(0, Math.floor(width / 2 - 1.1 * radius)),
      right: Math.min(width, Math.ceil(width / 2 + 1.1 * radius)),
    };
    this.#labels = new Labels(width, height, footer);
  }

  /** Draws a frame over all `width * height` words of `pixels`, in the format of a {@link Canvas}. */
  draw(pixels: Int32Array, { frameNumber, time }: Moment): void {
    const canvas: Canvas = { width: this.width, height: this.height, pixels };
    const surface = { canvas, depth: this.#depth, smoothed: this.#smoothed, matcap: this.#matcap };
    pixels.set(this.#backdrop);
    this.#depth.fill(0);
    const turned = rotation(angle(time, SPIN_PERIOD), -0.5, angle(time, TURN_PERIOD));
    project(this.#mesh, turned, this.#placement, this.#projected);
    fillMesh(surface, this.#mesh, this.#projected, this.#facing);
    smoothOutlines(surface, this.#mesh, this.#projected, this.#facing);
    reflect(canvas, this.#depth, this.#mirror);
    this.#labels.draw(canvas, frameNumber, time);
    drawFrameCode(canvas, frameNumber);
  }
}

/** The angle of a steady rotation in radians. */
function angle(time: number, period: Millis): number {
  return (2 * Math.PI * (time % period)) / period;
}
