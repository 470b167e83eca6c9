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
  stopping: "The server is about to stop; try again in a minute.",
  perAddress:
    "There are as many viewers at your network's address as may watch from one; close one, or try again later.",
} as const satisfies Record<keyof SeatLimits | "stopping", string>;

/** There are as many viewers as there may be. */
export class FullError extends Error {
  constructor(which: keyof typeof SENTENCES) {
    super(SENTENCES[which]);
  }
}

export class Seats {
  readonly #limits: SeatLimits;
  #taken = 0;
  readonly #streams = new Map<string, number>();
  readonly #addresses = new Map<string, number>();
  #closed = false;

  constructor(limits: SeatLimits) {
    this.#limits = limits;
  }

  /**
   * Takes one; the returned function frees it, however often it is called.
   * @param address as {@link addressKey} makes it.
   * @throws {FullError}
   */
  take(stream: string, address: string): () => void {
    if (this.#closed) throw new FullError("stopping");
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

  /** Takes nobody any more; who has a seat keeps it. */
  close(): void {
    this.#closed = true;
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
