/** The delays of a {@link Backoff}. */
export interface BackoffOptions {
  /** First delay in milliseconds; each further one is twice as long. */
  readonly first: number;
  /** Longest delay, in milliseconds. */
  readonly max: number;
  /** 0 to 1; adds jitter, so that not all viewers return at once. Without it the delays are exact. */
  readonly random?: () => number;
}

/** Share of each delay, in both directions. */
const JITTER = 0.25;

/** Exponential back-off with jitter. */
export class Backoff {
  readonly #options: BackoffOptions;
  #next: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#next = options.first;
  }

  /** The delay before the next attempt, in milliseconds. */
  next(): number {
    const delay = this.#next;
    this.#next = Math.min(delay * 2, this.#options.max);
    const { random } = this.#options;
    return random ? delay * (1 + JITTER * (2 * random() - 1)) : delay;
  }

  /** An attempt succeeded: start over with the first delay. */
  reset(): void {
    this.#next = this.#options.first;
  }
}
