/** How long to wait before each new try. */
export interface BackoffOptions {
  /** Before the first one, in milliseconds; doubles from there. */
  readonly first: number;
  readonly max: number;
  /** From 0 to 1, so that not all viewers come at once; without it the waits are what they are. */
  readonly random?: () => number;
}

/** Of each wait, to either side. */
const JITTER = 0.25;

/** Waits that double up to a limit, until something worked. */
export class Backoff {
  readonly #options: BackoffOptions;
  #next: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#next = options.first;
  }

  /** The wait before the next try, in milliseconds. */
  next(): number {
    const delay = this.#next;
    this.#next = Math.min(delay * 2, this.#options.max);
    const { random } = this.#options;
    return random ? delay * (1 + JITTER * (2 * random() - 1)) : delay;
  }

  /** It worked: begin again at the first wait. */
  reset(): void {
    this.#next = this.#options.first;
  }
}
