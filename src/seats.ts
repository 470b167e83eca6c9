/** How many viewers there may be at once: over all broadcasts, of one, and from one address. */

export interface SeatLimits {
  readonly total: number;
  readonly perStream: number;
  /** An IPv6 network of 64 bits counts as one. */
  readonly perAddress: number;
}

const SENTENCES = {
  total: "There are as many viewers as this server takes; try again later.",
  perStream: "There are as many viewers as this stream takes; try again later.",
  perAddress:
    "There are as many viewers at your network's address as may watch from one; close one, or try again later.",
} as const satisfies Record<keyof SeatLimits, string>;

/** There are as many viewers as there may be. */
export class FullError extends Error {
  constructor(which: keyof SeatLimits) {
    super(SENTENCES[which]);
  }
}

export class Seats {
  readonly #limits: SeatLimits;
  #taken = 0;
  readonly #streams = new Map<string, number>();
  readonly #addresses = new Map<string, number>();

  constructor(limits: SeatLimits) {
    this.#limits = limits;
  }

  /**
   * Takes one; the returned function frees it, however often it is called.
   * @param address as {@link addressKey} makes it.
   * @throws {FullError}
   */
  take(stream: string, address: string): () => void {
    const { total, perStream, perAddress } = this.#limits;
    if ((this.#addresses.get(address) ?? 0) >= perAddress) throw new FullError("perAddress");
    if ((this.#streams.get(stream) ?? 0) >= perStream) throw new FullError("perStream");
    if (this.#taken >= total) throw new FullError("total");
    this.#count(stream, address, 1);
    let freed = false;
    return () => {
      if (!freed) this.#count(stream, address, -1);
      freed = true;
    };
  }

  #count(stream: string, address: string, by: 1 | -1): void {
    this.#taken += by;
    add(this.#streams, stream, by);
    add(this.#addresses, address, by);
  }
}

function add(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
