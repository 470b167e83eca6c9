/** The queue in front of every stage of the frame path. It holds one item, so that latency cannot build up. */

/**
 * Processes one item at a time and keeps only the newest of those that arrive meanwhile: while A runs, B waits; when C
 * arrives, B is dropped and counted, and C runs after A.
 */
export class Latest<T> {
  readonly #run: (item: T) => Promise<void>;
  #waiting: { readonly item: T } | undefined;
  #running = false;
  #closed = false;
  #dropped = 0;

  /** @param run processes an item. It must not reject: nobody would handle that. */
  constructor(run: (item: T) => Promise<void>) {
    this.#run = run;
  }

  /** The number of items that a newer one replaced. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether an item is being processed. */
  get busy(): boolean {
    return this.#running;
  }

  /** Processes the item, now or after the current one. */
  push(item: T): void {
    if (this.#closed) return;
    if (this.#waiting) this.#dropped++;
    this.#waiting = { item };
    if (!this.#running) void this.#drain();
  }

  /** Drops the waiting item and ignores new ones. The current item runs to its end. */
  close(): void {
    this.#closed = true;
    this.#waiting = undefined;
  }

  async #drain(): Promise<void> {
    this.#running = true;
    try {
      for (let next = this.#waiting; next; next = this.#waiting) {
        this.#waiting = undefined;
        await this.#run(next.item);
      }
    } finally {
      this.#running = false;
    }
  }
}
