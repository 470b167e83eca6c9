/** Tells the freezes of a video from the pauses of a scene that stands still, which browsers count alike. */

/** A scene is known to stand, or to move again, only some time after a browser has counted the first pause, or before the last. */
const AROUND = 2000;

export class Freezes {
  #total = 0;
  #confirmed = 0;
  /** Not yet told from pauses. */
  #recent: { readonly at: number; readonly count: number }[] = [];
  #restedAt = Number.NEGATIVE_INFINITY;

  /**
   * Takes the browser's counter, which begins anew with each connection.
   * @param at milliseconds.
   * @param rests whether no new pictures are due.
   */
  counted(total: number, at: number, rests: boolean): void {
    const count = total - this.#total;
    if (count < 0) this.clear();
    this.#total = total;
    if (rests) this.#restedAt = at;
    if (at - this.#restedAt < AROUND) this.#recent = [];
    else if (count > 0) this.#recent.push({ at, count });
    while (this.#recent[0] && at - this.#recent[0].at >= AROUND) {
      this.#confirmed += this.#recent[0].count;
      this.#recent.shift();
    }
  }

  /** Those of this connection. */
  get count(): number {
    return this.#confirmed;
  }

  clear(): void {
    this.#total = 0;
    this.#confirmed = 0;
    this.#recent = [];
  }
}
