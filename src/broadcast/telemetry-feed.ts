/** A stream's telemetry for those who follow it without its picture. */
import type { SourceFrame } from "../media/frame.ts";

export class TelemetryFeed {
  readonly #listeners = new Set<(json: string) => void>();
  readonly #changed: () => void;
  /** What the last frame that had data said. */
  #last: string | undefined;

  /** @param changed somebody has come to follow, or has gone. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get followers(): number {
    return this.#listeners.size;
  }

  /** Passes on what the frame says, if anything. */
  tell({ number, timings, telemetry }: SourceFrame): void {
    if (telemetry === undefined) return;
    this.#last = `{"number":${number},"captured":${timings.captured},"data":${telemetry}}`;
    for (const listener of this.#listeners) listener(this.#last);
  }

  /**
   * Tells of each frame's telemetry as it comes, shown or not; of the last one at once.
   * @param listener takes one line of JSON: the frame's number, capture time and data.
   * @returns stops it.
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
