/** The telemetry of one stream, for followers that need no picture. */
import type { SourceFrame } from "../media/frame.ts";

/** Sends each frame's telemetry to the followers. */
export class TelemetryFeed {
  readonly #listeners = new Set<(json: string) => void>();
  readonly #changed: () => void;
  /** Of the last frame that had some. */
  #last: string | undefined;

  /** @param changed is called when a follower comes or leaves. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** How many follow. */
  get followers(): number {
    return this.#listeners.size;
  }

  /** Sends the frame's telemetry, if it has some. */
  tell({ number, timings, telemetry }: Pick<SourceFrame, "number" | "timings" | "telemetry">): void {
    if (telemetry === undefined) return;
    this.#last = `{"number":${number},"captured":${timings.captured},"data":${telemetry}}`;
    for (const listener of this.#listeners) listener(this.#last);
  }

  /**
   * Follows the telemetry: the last one at once, then that of each frame, shown or not.
   * @param listener takes one line of JSON: the frame's number, capture time and data.
   * @returns stops following.
   */
  follow(listener: (json: string) => void): () => void {
    this.#listeners.add(listener);
    if (this.#last !== undefined) listener(this.#last);
    this.#changed();
    return () => {
      this.#listeners.delete(listener);
      this.#changed();
    };
  }
}
