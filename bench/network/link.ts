/**
 * Emulates one direction of a network, without sockets or a clock: a queue with a limit, a sender with a rate, loss and
 * delay.
 */

/** How a direction treats packets. Times in milliseconds. */
export interface Path {
  /** From sending the last bit to the arrival: constant, or each `from` a time after {@link Link.begin}. */
  readonly delay: number | readonly { readonly from: number; readonly delay: number }[];
  /** Maximum deviation of the delay, up or down. */
  readonly jitter?: number;
  /** Whether jitter may let a packet overtake another. */
  readonly reorders?: boolean;
  /** Share of packets lost, 0 to 1. */
  readonly loss?: number;
  /** Mean length of a loss burst in packets; 1: independent losses. */
  readonly burst?: number;
  /** Bits per second, each `from` a time after {@link Link.begin}; before it, the first. Undefined: no limit. */
  readonly rates?: readonly { readonly from: number; readonly rate: number }[];
  /** Queue limit in bytes; packets beyond it are dropped. */
  readonly queue?: number;
  /** Packets arrive only at multiples of this, as over radio that schedules its receivers in turn. */
  readonly arrivalsEvery?: number;
}

/** Packet counters. */
export interface Counts {
  /** Bytes and packets sent, lost ones included. */
  bytes: number;
  packets: number;
  /** Packets dropped because the queue was full. */
  dropped: number;
  /** Packets lost after sending. */
  lost: number;
}

interface Timed {
  readonly packet: Buffer;
  readonly at: number;
}

/** Milliseconds that a delay holds: its causes, such as radio scheduling, affect several packets alike. */
const JITTER_PERIOD = 20;

/** An emulated direction. Times passed in never decrease. */
export class Link {
  readonly #path: Path;
  readonly #random: () => number;
  readonly #counts: Counts = { bytes: 0, packets: 0, dropped: 0, lost: 0 };
  /** Packets that wait for the sender, in order. */
  readonly #queue: Timed[] = [];
  #queued = 0;
  /** Packets in flight, by arrival. */
  readonly #inFlight: Timed[] = [];
  /** When the sender has sent everything before the queue's head. */
  #free = Number.NEGATIVE_INFINITY;
  #begun = Number.POSITIVE_INFINITY;
  #losing = false;
  #jitter = 0;
  #jitterUntil = Number.NEGATIVE_INFINITY;
  #lastArrival = Number.NEGATIVE_INFINITY;

  /** @param random returns numbers from 0 to below 1 */
  constructor(path: Path, random: () => number) {
    this.#path = path;
    this.#random = random;
  }

  /** The counters so far. */
  get counts(): Readonly<Counts> {
    return this.#counts;
  }

  /** Starts the schedule of rates. */
  begin(now: number): void {
    this.#begun = now;
  }

  /** Queues a packet, or drops it. */
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

  /** Removes and returns the earliest packet that has arrived, if any. */
  pop(now: number): Buffer | undefined {
    this.#send(now);
    const first = this.#inFlight[0];
    if (first === undefined || first.at > now) return undefined;
    this.#inFlight.shift();
    return first.packet;
  }

  /** The time of the next event; undefined if there is none. */
  get due(): number | undefined {
    const [arrival, sent] = [this.#inFlight[0]?.at, this.#sentAt(this.#queue[0])];
    if (arrival === undefined || sent === undefined) return arrival ?? sent;
    return Math.min(arrival, sent);
  }

  /** Sends the packets that are due by now. */
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
      else this.#deliverLater(head.packet, sent);
    }
  }

  /** When the head of the queue is sent completely. */
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

  /** Gilbert's loss model: the good state loses nothing, the bad state loses everything. */
  #loses(): boolean {
    const { loss = 0, burst = 1 } = this.#path;
    if (loss === 0) return false;
    if (burst <= 1) return this.#random() < loss;
    const turns = this.#losing ? 1 / burst : loss / (burst * (1 - loss));
    if (this.#random() < turns) this.#losing = !this.#losing;
    return this.#losing;
  }

  #deliverLater(packet: Buffer, sent: number): void {
    const { reorders = false, arrivalsEvery } = this.#path;
    const undisturbed = Math.max(sent, sent + this.delayAt(sent) + this.#jitterAt(sent));
    const arrival = arrivalsEvery ? Math.ceil(undisturbed / arrivalsEvery) * arrivalsEvery : undisturbed;
    const at = reorders ? arrival : Math.max(arrival, this.#lastArrival);
    this.#lastArrival = at;
    const after = this.#inFlight.findLastIndex((other) => other.at <= at);
    this.#inFlight.splice(after + 1, 0, { packet, at });
  }

  /** The delay of the path at a time. */
  delayAt(time: number): number {
    const { delay } = this.#path;
    if (typeof delay === "number") return delay;
    return (delay.findLast(({ from }) => this.#begun + from <= time) ?? delay[0])?.delay ?? 0;
  }

  #jitterAt(time: number): number {
    const { jitter = 0, reorders = false } = this.#path;
    if (jitter > 0 && (reorders || time >= this.#jitterUntil)) {
      this.#jitter = (2 * this.#random() - 1) * jitter;
      this.#jitterUntil = time + JITTER_PERIOD;
    }
    return this.#jitter;
  }
}

/** A pseudo-random generator with a seed (Mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
