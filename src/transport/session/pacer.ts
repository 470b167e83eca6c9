/** Spreads the packets of a large frame over time, so that they do not overflow the queue of a narrow link. */
import type { Cancel, Clock, EpochMs, Millis } from "../../base/clock.ts";

/** Frames that wait longer than this are stale: the session steps down to a smaller rendition. */
export const MAX_QUEUE_DELAY: Millis = 300;

/** Without a smaller rendition, a slow keyframe is allowed more time before frames are dropped. */
export const MAX_QUEUE_DELAY_LOWEST: Millis = 1500;

/** Bytes sent without pacing: the burst forms a packet train, which shows the capacity. */
const BURST_BYTES = 6000;

/** On a slow link a burst is shorter, or it would overflow the queue: this long, or two packets. */
const MAX_BURST_DURATION: Millis = 100;
const MIN_BURST_BYTES = 2400;

/** Bits per second from which on there is no pacing: such a link needs none. */
const UNPACED_RATE = 50_000_000;

/** Shortest timer, and how late one may fire. */
const MIN_TIMER: Millis = 2;
const MAX_TIMER_DELAY: Millis = 5;

/** A packet that can be paced. */
export interface Paced {
  /** Approximate size on the wire. */
  readonly bytes: number;
}

/** A token bucket with two priorities. */
export class Pacer<Packet extends Paced> {
  readonly #clock: Clock;
  readonly #send: (packet: Packet) => void;
  #queue: { readonly packet: Packet; readonly since: EpochMs }[] = [];
  /** Urgent packets; they are first in the queue. */
  #urgentCount = 0;
  #rate: number;
  /** Bytes that may be sent now; negative after a packet larger than the rest of the budget. */
  #tokens = BURST_BYTES;
  #refilledAt: EpochMs;
  #cancelTimer: Cancel | undefined;

  /** @param rate bits per second. */
  constructor(clock: Clock, rate: number, send: (packet: Packet) => void) {
    this.#clock = clock;
    this.#rate = rate;
    this.#send = send;
    this.#refilledAt = clock.now();
  }

  /** Sets the rate, in bits per second. */
  set rate(rate: number) {
    this.#rate = rate;
  }

  /** How long the oldest packet that is not urgent has waited; 0 for none. */
  get queueDelay(): Millis {
    const oldest = this.#queue[this.#urgentCount];
    return oldest ? this.#clock.now() - oldest.since : 0;
  }

  /** Sends a packet immediately if the rate allows, or else after all others. */
  push(packet: Packet): void {
    if (this.#queue.length === 0 && this.#canSend()) this.#sendNow(packet);
    else {
      this.#queue.push({ packet, since: this.#clock.now() });
      this.#schedule();
    }
  }

  /** As {@link push}, but ahead of packets that are not urgent. */
  urgent(packet: Packet): void {
    if (this.#urgentCount === 0 && this.#canSend()) this.#sendNow(packet);
    else {
      this.#queue.splice(this.#urgentCount++, 0, { packet, since: this.#clock.now() });
      this.#schedule();
    }
  }

  /**
   * Empties the queue.
   * @returns the packets that are not urgent, in order.
   */
  clear(): Packet[] {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const packets = this.#queue.slice(this.#urgentCount).map(({ packet }) => packet);
    this.#queue = [];
    this.#urgentCount = 0;
    return packets;
  }

  #canSend(): boolean {
    if (this.#rate >= UNPACED_RATE) return true;
    this.#refill();
    return this.#tokens > 0;
  }

  #refill(): void {
    const now = this.#clock.now();
    const bytesIn = (time: Millis) => (time * this.#rate) / 8000;
    const burst = Math.min(BURST_BYTES, Math.max(MIN_BURST_BYTES, bytesIn(MAX_BURST_DURATION)));
    const most = Math.max(burst, bytesIn(MAX_TIMER_DELAY));
    this.#tokens = Math.min(most, this.#tokens + ((now - this.#refilledAt) * this.#rate) / 8000);
    this.#refilledAt = now;
  }

  #sendNow(packet: Packet): void {
    if (this.#rate < UNPACED_RATE) this.#tokens -= packet.bytes;
    this.#send(packet);
  }

  #schedule(): void {
    if (this.#cancelTimer || this.#queue.length === 0) return;
    const wait = Math.max(MIN_TIMER, (-this.#tokens * 8000) / this.#rate);
    this.#cancelTimer = this.#clock.after(wait, () => {
      this.#cancelTimer = undefined;
      while (this.#queue.length > 0 && this.#canSend()) {
        const next = this.#queue.shift();
        this.#urgentCount = Math.max(0, this.#urgentCount - 1);
        if (next) this.#sendNow(next.packet);
      }
      this.#schedule();
    });
  }
}
