/** Spreads the packets of a large frame over time, so that they do not overflow the queue of a narrow link. */
import type { Cancel, Clock, EpochMs, Millis } from "../../base/clock.ts";

/** Bytes that go at once: they show, by how they are pulled apart, what the link carries. */
const BURST = 6000;

/** A rate from which on nothing is held back: no queue overflows for that. */
const FAST = 50_000_000;

/** The shortest wait that a timer keeps, and how late it may come. */
const SHORTEST: Millis = 2;
const LATE: Millis = 5;

export interface Paced {
  /** On the wire, about. */
  readonly bytes: number;
}

export class Pacer<Packet extends Paced> {
  readonly #clock: Clock;
  readonly #send: (packet: Packet) => void;
  #waiting: { readonly packet: Packet; readonly since: EpochMs }[] = [];
  /** How many of those are urgent: they come first. */
  #urgent = 0;
  #rate: number;
  /** Bytes that may go now; less than none after a packet that went with too few. */
  #tokens = BURST;
  #filledAt: EpochMs;
  #cancel: Cancel | undefined;

  /** @param rate bits a second. */
  constructor(clock: Clock, rate: number, send: (packet: Packet) => void) {
    this.#clock = clock;
    this.#rate = rate;
    this.#send = send;
    this.#filledAt = clock.now();
  }

  /** Bits a second, from now on. */
  set rate(rate: number) {
    this.#rate = rate;
  }

  /** For how long the oldest packet has waited that is not urgent. */
  get queueDelay(): Millis {
    const oldest = this.#waiting[this.#urgent];
    return oldest ? this.#clock.now() - oldest.since : 0;
  }

  /** Sends it behind all others; at once, where that is not too fast. */
  push(packet: Packet): void {
    if (this.#waiting.length === 0 && this.#may()) this.#take(packet);
    else {
      this.#waiting.push({ packet, since: this.#clock.now() });
      this.#plan();
    }
  }

  /** As {@link push}, but before all that are not urgent. */
  urgent(packet: Packet): void {
    if (this.#urgent === 0 && this.#may()) this.#take(packet);
    else {
      this.#waiting.splice(this.#urgent++, 0, { packet, since: this.#clock.now() });
      this.#plan();
    }
  }

  /** Takes back all that waits: in order what is not urgent, and forgets what is. */
  clear(): Packet[] {
    this.#cancel?.();
    this.#cancel = undefined;
    const packets = this.#waiting.slice(this.#urgent).map(({ packet }) => packet);
    this.#waiting = [];
    this.#urgent = 0;
    return packets;
  }

  #may(): boolean {
    if (this.#rate >= FAST) return true;
    this.#fill();
    return this.#tokens > 0;
  }

  #fill(): void {
    const now = this.#clock.now();
    const most = Math.max(BURST, (LATE * this.#rate) / 8000);
    this.#tokens = Math.min(most, this.#tokens + ((now - this.#filledAt) * this.#rate) / 8000);
    this.#filledAt = now;
  }

  #take(packet: Packet): void {
    if (this.#rate < FAST) this.#tokens -= packet.bytes;
    this.#send(packet);
  }

  #plan(): void {
    if (this.#cancel || this.#waiting.length === 0) return;
    const wait = Math.max(SHORTEST, (-this.#tokens * 8000) / this.#rate);
    this.#cancel = this.#clock.after(wait, () => {
      this.#cancel = undefined;
      while (this.#waiting.length > 0 && this.#may()) {
        const next = this.#waiting.shift();
        this.#urgent = Math.max(0, this.#urgent - 1);
        if (next) this.#take(next.packet);
      }
      this.#plan();
    });
  }
}
