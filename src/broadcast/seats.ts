/** How many viewers, or followers, there may be at once: over all broadcasts, of one, and from one address. */

export interface SeatLimits {
  readonly total: number;
  readonly perStream: number;
  /** An IPv6 network of 64 bits counts as one. */
  readonly perAddress: number;
}

/** Who sits: viewers see pictures, followers are told of events. */
type Sitters = "viewers" | "followers";

const SENTENCES = {
  total: (who) => `There are as many ${who} as this server takes; try again later.`,
  perStream: (who) => `There are as many ${who} as this stream takes; try again later.`,
  stopping: () => "The server is about to stop; try again in a minute.",
  perAddress: (who) =>
    `There are as many ${who} at your network's address as there may be at one; close one, or try again later.`,
} as const satisfies Record<keyof SeatLimits | "stopping", (who: Sitters) => string>;

/** There are as many as there may be. */
export class FullError extends Error {
  constructor(which: keyof typeof SENTENCES, who: Sitters) {
    super(SENTENCES[which](who));
  }
}

export class Seats {
  readonly #limits: SeatLimits;
  readonly #who: Sitters;
  #taken = 0;
  readonly #streams = new Map<string, number>();
  readonly #addresses = new Map<string, number>();
  #closed = false;

  constructor(limits: SeatLimits, who: Sitters = "viewers") {
    this.#limits = limits;
    this.#who = who;
  }

  /**
   * Takes one; the returned function frees it, however often it is called.
   * @param address as {@link addressKey} makes it.
   * @throws {FullError}
   */
  take(stream: string, address: string): () => void {
    if (this.#closed) throw new FullError("stopping", this.#who);
    const { total, perStream, perAddress } = this.#limits;
    if ((this.#addresses.get(address) ?? 0) >= perAddress) throw new FullError("perAddress", this.#who);
    if ((this.#streams.get(stream) ?? 0) >= perStream) throw new FullError("perStream", this.#who);
    if (this.#taken >= total) throw new FullError("total", this.#who);
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
