/** Detects replayed packets (RFC 3711, section 3.3.2; RFC 6347, section 4.1.2.6). */

/** Window size: both RFCs require at least 64 packets. */
const WINDOW_PACKETS = 64n;
const MASK = (1n << WINDOW_PACKETS) - 1n;

/** The packet numbers of one sender that were received. */
export class ReplayWindow {
  #highest = -1;
  /** Bit n: the packet n below the highest was received. */
  #seen = 0n;

  /** Whether this number was added before, or is older than the window. */
  has(index: number): boolean {
    const age = BigInt(this.#highest - index);
    if (age < 0n) return false;
    return age >= WINDOW_PACKETS || ((this.#seen >> age) & 1n) === 1n;
  }

  /** Adds the number of a packet. Call it only after authentication. */
  add(index: number): void {
    const ahead = BigInt(index - this.#highest);
    if (ahead > 0n) {
      this.#seen = ((ahead > WINDOW_PACKETS ? 0n : this.#seen << ahead) | 1n) & MASK;
      this.#highest = index;
    } else this.#seen |= 1n << -ahead;
  }
}
