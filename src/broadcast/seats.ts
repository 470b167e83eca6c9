/** Limits how many viewers, or followers, there are at once: on the server, of one stream, and from one address. */

/** The most seats that may be taken at once. */
export interface SeatLimits {
  readonly total: number;
  readonly perStream: number;
  /** An IPv6 /64 network counts as one address. */
  readonly perAddress: number;
}

/** Viewers get pictures; followers get events and telemetry. */
type Audience = "viewers" | "followers";

const SENTENCES = {
  total: (who) => `This server has no room for more ${who}; try again later.`,
  perStream: (who) => `This stream has no room for more ${who}; try again later.`,
  stopping: () => "This server is about to stop; try again in a minute.",
  perAddress: (who) => `Your network's address has no room for more ${who}; close one, or try again later.`,
} as const satisfies Record<keyof SeatLimits | "stopping", (who: Audience) => string>;

/** No seat is free. The message is a sentence for the viewer. */
export class FullError extends Error {
  constructor(which: keyof typeof SENTENCES, who: Audience) {
    super(SENTENCES[which](who));
  }
}

/** The seats of one server. */
export class Seats {
  readonly #limits: SeatLimits;
  readonly #who: Audience;
  #taken = 0;
  readonly #streams = new Map<string, number>();
  readonly #addresses = new Map<string, number>();
  #closed = false;

  constructor(limits: SeatLimits, who: Audience = "viewers") {
    this.#limits = limits;
    this.#who = who;
  }

  /**
   * Takes a seat. @returns frees it; further calls do nothing.
   * @param address as {@link addressKey} makes it.
   * @throws {FullError} if no seat is free.
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

  /** Refuses further seats; those that are taken stay. */
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
