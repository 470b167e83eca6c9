/** The messages between the built-in scene's worker and its owner. */
import type { EpochMs } from "../../base/clock.ts";

/** The worker's `workerData`. */
export interface WorkerSetup {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Frames per second. */
  readonly fps: number;
  /** Number of the first frame. */
  readonly firstNumber: number;
  /** One shared element: the number of the last frame that the owner took. */
  readonly taken: Int32Array;
}

/** To the worker: start or stop drawing. */
export interface WorkerOrder {
  readonly draw: boolean;
}

/** From the worker. */
export type WorkerReport =
  /** The worker can draw. */
  | { readonly kind: "ready" }
  | {
      readonly kind: "frame";
      readonly number: number;
      /** When the pixels were complete. */
      readonly captured: EpochMs;
      /** RGBA, transferred to the owner. */
      readonly pixels: ArrayBuffer;
      /** Frames skipped before this one, because the worker or the owner was late. */
      readonly skipped: number;
    };
