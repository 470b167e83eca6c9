/** Those who wait for one picture of now. */
import type { Clock, Millis } from "../base/clock.ts";

/** How long a snapshot waits for a picture of now before it takes the last one. */
const WITHIN: Millis = 1000;

export interface SnapshotOptions<P> {
  readonly clock: Clock;
  readonly last: () => P | undefined;
  /** Somebody has come to wait, or has gone. */
  readonly changed: () => void;
}

export class Snapshots<P> {
  readonly #options: SnapshotOptions<P>;
  readonly #waiting = new Set<(picture: P | undefined) => void>();

  constructor(options: SnapshotOptions<P>) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** The next picture, or the last one if none comes soon; undefined before the first. */
  take(): Promise<P | undefined> {
    const { clock, last, changed } = this.#options;
    return new Promise((resolve) => {
      const done = (picture: P | undefined) => {
        this.#waiting.delete(done);
        stop();
        changed();
        resolve(picture);
      };
      const stop = clock.after(WITHIN, () => done(last()));
      this.#waiting.add(done);
      changed();
    });
  }

  /** Here is a new picture. */
  offer(picture: P): void {
    for (const take of [...this.#waiting]) take(picture);
  }
}
