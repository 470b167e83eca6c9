/** Separates freezes of the video from pauses of a scene that stands still: browsers count both as freezes. */

/** The server reports that a scene stands still or moves again up to this long after the browser has counted the pause. */
const REPORT_DELAY_MS = 2000;

/** Counts the freezes of one connection. */
export class Freezes {
  #total = 0;
  #confirmed = 0;
  /** Not yet known to be freezes rather than pauses. */
  #recent: { readonly at: number; readonly count: number }[] = [];
  #idleAt = Number.NEGATIVE_INFINITY;

  /**
   * Takes the browser's counter, which starts over with each connection.
   * @param at in milliseconds.
   * @param isIdle whether no new pictures are due.
   */
  counted(total: number, at: number, isIdle: boolean): void {
    const count = total - this.#total;
    if (count < 0) this.clear();
    this.#total = total;
    if (isIdle) this.#idleAt = at;
    if (at - this.#idleAt < REPORT_DELAY_MS) this.#recent = [];
    else if (count > 0) this.#recent.push({ at, count });
    while (this.#recent[0] && at - this.#recent[0].at >= REPORT_DELAY_MS) {
      this.#confirmed += this.#recent[0].count;
      this.#recent.shift();
    }
  }

  /** The confirmed freezes. */
  get count(): number {
    return this.#confirmed;
  }

  /** Starts over, with a new connection. */
  clear(): void {
    this.#total = 0;
    this.#confirmed = 0;
    this.#recent = [];
  }
}
