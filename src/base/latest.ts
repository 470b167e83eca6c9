/** The newest wins: what every stage of the frame path stands behind, so that latency never piles up. */

/**
 * Runs one item at a time. Of the items that arrive meanwhile only the newest is kept: while A runs,
 * B waits; when C comes, B is dropped and counted, and C runs after A.
 */
export class Latest<T> {
  readonly #run: (item: T) => Promise<void>;
  #waiting: { readonly item: T } | undefined;
  #running = false;
  #closed = false;
  #dropped = 0;

  /** `run` handles its own errors: what it rejects with would be an unhandled rejection. */
  constructor(run: (item: T) => Promise<void>) {
    this.#run = run;
  }

  /** How many items were overtaken before their turn. */
  get dropped(): number {
    return this.#dropped;
  }

  get busy(): boolean {
    return this.#running;
  }

  push(item: T): void {
    if (this.#closed) return;
    if (this.#waiting) this.#dropped++;
    this.#waiting = { item };
    if (!this.#running) void this.#drain();
  }

  /** Forgets what waits; what runs is not interrupted. */
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
