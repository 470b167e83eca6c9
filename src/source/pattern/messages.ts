/** What the built-in scene's worker and its owner say to each other. */
import type { EpochMs } from "../../base/clock.ts";

/** The worker's `workerData`. */
export interface WorkerSetup {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  /** The number of its first frame. */
  readonly firstNumber: number;
  /** One number, shared: that of the last frame the owner took. */
  readonly taken: Int32Array;
}

/** To the worker: draw, or rest. */
export interface WorkerOrder {
  readonly draw: boolean;
}

/** From the worker. */
export type WorkerReport =
  /** It can draw now. */
  | { readonly kind: "ready" }
  | {
      readonly kind: "frame";
      readonly number: number;
      /** When the pixels were complete. */
      readonly captured: EpochMs;
      /** RGBA, transferred. */
      readonly pixels: ArrayBuffer;
      /** Frames left out since the one before, because the drawing or the owner was late. */
      readonly skipped: number;
    };
