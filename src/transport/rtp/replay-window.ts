/** Tells the newest packets of one sender apart from copies of them (RFC 3711, section 3.3.2; RFC 6347, section 4.1.2.6). */

/** Packets behind the highest that are remembered: at least 64 by both RFCs. */
const WIDTH = 64n;
const MASK = (1n << WIDTH) - 1n;

/** Which numbers of one sender have been taken. */
export class ReplayWindow {
  #highest = -1;
  /** Bit n: the packet n before the highest has been taken. */
  #seen = 0n;

  /** Whether this number was taken before, or is too old to tell. */
  has(index: number): boolean {
    const age = BigInt(this.#highest - index);
    if (age < 0n) return false;
    return age >= WIDTH || ((this.#seen >> age) & 1n) === 1n;
  }

  /** Takes a number, once its packet has proved to be authentic. */
  add(index: number): void {
    const ahead = BigInt(index - this.#highest);
    if (ahead > 0n) {
      this.#seen = ((ahead > WIDTH ? 0n : this.#seen << ahead) | 1n) & MASK;
      this.#highest = index;
    } else this.#seen |= 1n << -ahead;
  }
}
