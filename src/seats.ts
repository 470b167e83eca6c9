/** How many viewers there may be at once, over all broadcasts. */

/** There are as many viewers as the server takes. */
export class FullError extends Error {
  constructor() {
    super("There are as many viewers as this server takes; try again later.");
  }
}

export class Seats {
  readonly #limit: number;
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Takes one; the returned function frees it, however often it is called.
   * @throws {FullError}
   */
  take(): () => void {
    if (this.#taken >= this.#limit) throw new FullError();
    this.#taken++;
    let freed = false;
    return () => {
      if (!freed) this.#taken--;
      freed = true;
    };
  }
}
