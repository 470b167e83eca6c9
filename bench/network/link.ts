/**
 * One direction of a network, without sockets or a clock of its own: packets wait in a queue of finite length for a
 * sender of finite rate, some are lost, and the rest arrive after a delay.
 */

/** What a direction does to packets. Times in milliseconds. */
export interface Path {
  /** From the end of sending to the arrival. */
  readonly delay: number;
  /** How much longer or shorter the delay may be. */
  readonly jitter?: number;
  /** Whether jitter may let a packet overtake another. */
  readonly reorders?: boolean;
  /** Share of the packets that are lost on the way, 0 to 1. */
  readonly loss?: number;
  /** How many packets in a row are lost together, on average; 1 means that each is lost by itself. */
  readonly burst?: number;
  /** Bits a second, from so long after {@link Link.begin}; before it the first holds. None: no limit. */
  readonly rates?: readonly { readonly from: number; readonly rate: number }[];
  /** Bytes that may wait for the sender; what comes beyond them is dropped. */
  readonly queue?: number;
}

/** What became of the packets. */
export interface Counts {
  /** Bytes and packets that the sender sent, lost ones included. */
  bytes: number;
  packets: number;
  /** Packets that found the queue full. */
  dropped: number;
  /** Packets lost on the way. */
  lost: number;
}

interface Timed {
  readonly packet: Buffer;
  readonly at: number;
}

/** Delays change no oftener: what makes them, such as a radio's turns, holds for several packets alike. */
const JITTER_HOLDS = 20;

export class Link {
  readonly #path: Path;
  readonly #random: () => number;
  readonly #counts: Counts = { bytes: 0, packets: 0, dropped: 0, lost: 0 };
  /** What waits for the sender, in order. */
  readonly #queue: Timed[] = [];
  #queued = 0;
  /** What is on its way, by arrival. */
  readonly #flying: Timed[] = [];
  /** When the sender has sent all before the queue's head. */
  #free = Number.NEGATIVE_INFINITY;
  #begun = Number.POSITIVE_INFINITY;
  #losing = false;
  #jitter = 0;
  #jitterUntil = Number.NEGATIVE_INFINITY;
  #lastArrival = Number.NEGATIVE_INFINITY;

  /** @param random gives numbers from 0 to below 1. */
  constructor(path: Path, random: () => number) {
    this.#path = path;
    this.#random = random;
  }

  get counts(): Readonly<Counts> {
    return this.#counts;
  }

  /** From now on the rates change as planned. */
  begin(now: number): void {
    this.#begun = now;
  }

  /** Takes a packet. Times never go back from call to call. */
  push(packet: Buffer, now: number): void {
    this.#send(now);
    if (this.#queued + packet.length > (this.#path.queue ?? Number.POSITIVE_INFINITY)) {
      this.#counts.dropped++;
      return;
    }
    this.#queue.push({ packet, at: now });
    this.#queued += packet.length;
    this.#send(now);
  }

  /** A packet that has arrived by now, the earliest first. */
  pop(now: number): Buffer | undefined {
    this.#send(now);
    const first = this.#flying[0];
    if (first === undefined || first.at > now) return undefined;
    this.#flying.shift();
    return first.packet;
  }

  /** When to look again; undefined while nothing is under way. */
  get due(): number | undefined {
    const [arrival, sent] = [this.#flying[0]?.at, this.#sentAt(this.#queue[0])];
    if (arrival === undefined || sent === undefined) return arrival ?? sent;
    return Math.min(arrival, sent);
  }

  /** Sends what can be sent by now. */
  #send(now: number): void {
    for (;;) {
      const head = this.#queue[0];
      const sent = this.#sentAt(head);
      if (head === undefined || sent === undefined || sent > now) return;
      this.#queue.shift();
      this.#queued -= head.packet.length;
      this.#free = sent;
      this.#counts.packets++;
      this.#counts.bytes += head.packet.length;
      if (this.#loses()) this.#counts.lost++;
      else this.#fly(head.packet, sent);
    }
  }

  /** When the head of the queue will have been sent. */
  #sentAt(head: Timed | undefined): number | undefined {
    if (head === undefined) return undefined;
    const begins = Math.max(this.#free, head.at);
    return begins + (head.packet.length * 8000) / this.#rateAt(begins);
  }

  #rateAt(time: number): number {
    const { rates } = this.#path;
    const current = rates?.findLast(({ from }) => this.#begun + from <= time) ?? rates?.[0];
    return current?.rate ?? Number.POSITIVE_INFINITY;
  }

  /** Gilbert's model: a good state that loses nothing, and a bad one that loses everything. */
  #loses(): boolean {
    const { loss = 0, burst = 1 } = this.#path;
    if (loss === 0) return false;
    if (burst <= 1) return this.#random() < loss;
    const turns = this.#losing ? 1 / burst : loss / (burst * (1 - loss));
    if (this.#random() < turns) this.#losing = !this.#losing;
    return this.#losing;
  }

  #fly(packet: Buffer, sent: number): void {
    const { delay, reorders = false } = this.#path;
    const arrival = Math.max(sent, sent + delay + this.#jitterAt(sent));
    const at = reorders ? arrival : Math.max(arrival, this.#lastArrival);
    this.#lastArrival = at;
    const after = this.#flying.findLastIndex((other) => other.at <= at);
    this.#flying.splice(after + 1, 0, { packet, at });
  }

  #jitterAt(time: number): number {
    const { jitter = 0, reorders = false } = this.#path;
    if (jitter > 0 && (reorders || time >= this.#jitterUntil)) {
      this.#jitter = (2 * this.#random() - 1) * jitter;
      this.#jitterUntil = time + JITTER_HOLDS;
    }
    return this.#jitter;
  }
}

/** Numbers that look random and are the same each time (Mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
