/** Snapshots of one stream: each waits a moment for a current picture. Requests that come together share one. */
import type { Clock, Millis } from "../base/clock.ts";
import type { StreamUsage } from "../encoder/image/stream-usage.ts";
import type { JpegFrame } from "../transport/mjpeg.ts";
import { type Picture, toJpeg, toThumbnail } from "./picture.ts";

/** A snapshot in the picture's own size, or a small one for lists of streams. */
export type SnapshotSize = "full" | "thumbnail";

/** How long a snapshot waits for the next picture before it takes the last one. */
const MAX_WAIT: Millis = 1000;

/** What {@link Snapshots} needs of its stream. */
export interface SnapshotOptions {
  readonly clock: Clock;
  readonly use: StreamUsage;
  /** The last sound picture; undefined before the first. */
  readonly last: () => Picture | undefined;
  /** A snapshot began or stopped to wait. */
  readonly changed: () => void;
}

/** The snapshots of one stream. */
export class Snapshots {
  readonly #options: SnapshotOptions;
  readonly #waiting = new Set<(picture: Picture | undefined) => void>();
  readonly #taking = new Map<SnapshotSize, Promise<JpegFrame | undefined>>();

  constructor(options: SnapshotOptions) {
    this.#options = options;
  }

  /** How many wait for the next picture. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** A current picture as a JPEG; undefined before the first. */
  take(size: SnapshotSize): Promise<JpegFrame | undefined> {
    const encode = size === "full" ? toJpeg : toThumbnail;
    const taken =
      this.#taking.get(size) ??
      this.#picture()
        .then((picture) => picture && encode(picture, this.#options.use))
        .finally(() => this.#taking.delete(size));
    this.#taking.set(size, taken);
    return taken;
  }

  /** Gives a new picture to all that wait. */
  offer(picture: Picture): void {
    for (const take of [...this.#waiting]) take(picture);
  }

  /** The next picture, or the last one if none comes in time. */
  #picture(): Promise<Picture | undefined> {
    const { clock, last, changed } = this.#options;
    return new Promise((resolve) => {
      const done = (picture: Picture | undefined) => {
        this.#waiting.delete(done);
        stopWaiting();
        changed();
        resolve(picture);
      };
      const stopWaiting = clock.after(MAX_WAIT, () => done(last()));
      this.#waiting.add(done);
      changed();
    });
  }
}
