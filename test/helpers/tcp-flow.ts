/**
 * A competing bulk download: a TCP flow with CUBIC congestion control (RFC 9438), without sockets or a clock. It never
 * has too little data, and its acknowledgements are never lost.
 */

/** Bytes of a segment. */
const SEGMENT_BYTES = 1500;
const INITIAL_WINDOW = 10;
/** Growth constant, and the window after a loss as a share of the one before (RFC 9438, sections 5 and 4.6). */
const CUBIC_C = 0.4;
const CUBIC_BETA = 0.7;
/** Later segments whose arrival shows that one is lost (RFC 5681, section 3.2). */
const REORDERING_THRESHOLD = 3;
/** Time without an acknowledgement after which everything is sent again, in milliseconds. */
const RETRANSMISSION_TIMEOUT = 1000;

/** One flow. Times in milliseconds; those passed in never decrease. */
export class TcpFlow {
  /** Bytes that have arrived. */
  arrivedBytes = 0;
  readonly #returnDelay: number;
  readonly #send: (segment: Buffer) => void;
  /** Sequence numbers by segment, and those that are not acknowledged yet, in order. */
  readonly #numbers = new WeakMap<Buffer, number>();
  readonly #outstanding = new Set<number>();
  readonly #acknowledgements: { readonly number: number; readonly at: number }[] = [];
  #next = 0;
  #window = INITIAL_WINDOW;
  #isSlowStart = true;
  /** CUBIC's `W_max`, and when this epoch of growth began. */
  #maxWindow = 0;
  #epoch = 0;
  /** Losses of segments before this number belong to one congestion event. */
  #recoverAt = 0;
  #heardAt = Number.NEGATIVE_INFINITY;

  /**
   * @param returnDelay from the arrival of a segment to that of its acknowledgement.
   * @param send takes each segment.
   */
  constructor(returnDelay: number, send: (segment: Buffer) => void) {
    this.#returnDelay = returnDelay;
    this.#send = send;
  }

  /** A segment has arrived at the receiver. */
  arrived(segment: Buffer, now: number): void {
    const number = this.#numbers.get(segment);
    if (number === undefined) return;
    this.arrivedBytes += segment.length;
    this.#acknowledgements.push({ number, at: now + this.#returnDelay });
  }

  /** Takes the acknowledgements that are due, and fills the window. Call it every few milliseconds. */
  pass(now: number): void {
    if (this.#heardAt === Number.NEGATIVE_INFINITY) this.#heardAt = now;
    while ((this.#acknowledgements[0]?.at ?? Number.POSITIVE_INFINITY) <= now)
      this.#acknowledged(this.#acknowledgements.shift()?.number ?? 0, now);
    if (now - this.#heardAt >= RETRANSMISSION_TIMEOUT) {
      this.#outstanding.clear();
      this.#lost(now);
      this.#window = 1;
      this.#heardAt = now;
    }
    while (this.#outstanding.size < this.#window) {
      const segment = Buffer.alloc(SEGMENT_BYTES);
      this.#numbers.set(segment, this.#next);
      this.#outstanding.add(this.#next++);
      this.#send(segment);
    }
  }

  #acknowledged(number: number, now: number): void {
    this.#heardAt = now;
    if (!this.#outstanding.delete(number)) return;
    for (const earlier of this.#outstanding) {
      if (earlier > number - REORDERING_THRESHOLD) break;
      this.#outstanding.delete(earlier);
      if (earlier >= this.#recoverAt) this.#lost(now);
    }
    if (this.#isSlowStart) this.#window++;
    else this.#grow(now);
  }

  #lost(now: number): void {
    this.#recoverAt = this.#next;
    this.#maxWindow = this.#window;
    this.#window = Math.max(2, CUBIC_BETA * this.#window);
    this.#isSlowStart = false;
    this.#epoch = now;
  }

  /** Grows the window by one acknowledgement's part (RFC 9438, section 4.2). */
  #grow(now: number): void {
    const seconds = (now - this.#epoch) / 1000;
    const origin = Math.cbrt((this.#maxWindow * (1 - CUBIC_BETA)) / CUBIC_C);
    const target = CUBIC_C * (seconds - origin) ** 3 + this.#maxWindow;
    const bounded = Math.min(Math.max(target, this.#window), 1.5 * this.#window);
    this.#window += Math.max((bounded - this.#window) / this.#window, 0.01 / this.#window);
  }
}
