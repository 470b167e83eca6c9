/**
 * Sends datagrams by `sendmmsg`, many in one system call. The packets of one frame to one viewer form a single message that
 * the kernel cuts into datagrams (UDP_SEGMENT). Everything queued in one task leaves when the task ends; what the system's
 * buffer does not take then waits, in order.
 */
import { type Clock, type EpochMs, type Millis, systemClock } from "../../../base/clock.ts";
import type { Address } from "../../../network/address.ts";
import { type MediaSender, SEND_BUFFER } from "../io.ts";
import type { Route } from "../route.ts";
import { Batch } from "./batch.ts";
import { Destination } from "./destination.ts";
import type { Native } from "./ffi.ts";
import { NativeSealer } from "./sealer.ts";

/** Larger than any datagram. */
const MAX_DATAGRAM = 60_000;

/** Between attempts while the system's buffer is full. At 1 Gbit/s, a usual buffer empties in 2 ms. */
const RETRY_INTERVAL: Millis = 1;

/** If the system takes nothing for this long, the link is stalled: what waits is late for live video, and dropped. */
const MAX_STALL: Millis = 30;

/** Emptied batches kept for use: a steady load needs no more. */
const MAX_SPARE = 4;

/** What a {@link NativeSender} is made of. */
export interface NativeSenderOptions {
  /** A bound socket's descriptor. The caller closes it. */
  readonly fd: number;
  /** Whether the kernel supports UDP_SEGMENT. */
  readonly segmentation: boolean;
  readonly clock?: Clock;
}

/** Sends through a bound socket. */
export class NativeSender implements MediaSender {
  readonly fd: number;
  readonly #native: Native;
  readonly #clock: Clock;
  readonly #segmentation: boolean;
  /** Takes what is queued now. */
  #batch: Batch;
  /** Full batches before it that wait for room in the system's buffer, and their bytes. */
  readonly #waiting: Batch[] = [];
  readonly #spare: Batch[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #flushes = false;
  /** When the system last took something, while its buffer is full. */
  #stalledAt: EpochMs | undefined;
  #closed = false;

  constructor(native: Native, { fd, segmentation, clock = systemClock }: NativeSenderOptions) {
    this.fd = fd;
    this.#native = native;
    this.#segmentation = segmentation;
    this.#clock = clock;
    this.#batch = new Batch(native);
  }

  /**
   * Sends what is queued and drops everything later, because the system may reuse the descriptor.
   * @returns false if it was closed before.
   */
  close(): boolean {
    if (this.#closed) return false;
    this.#send();
    this.#dropAll();
    this.#closed = true;
    return true;
  }

  get dropped(): number {
    return this.#dropped;
  }

  wayTo(address: Address): Pick<Route, "send" | "sendMedia" | "maxDatagram"> {
    const to = new Destination(this.#native, address, this.#segmentation);
    return {
      maxDatagram: () => to.maxDatagram,
      send: (datagram) => {
        const batch = this.#batchFor(to, datagram.length);
        if (!batch) return;
        batch.data.bytes.set(datagram, batch.end);
        this.#add(batch, to, datagram.length);
      },
      sendMedia: (sealer, header, payload, index) => {
        if (!(sealer instanceof NativeSealer)) throw new TypeError("The sealer is not a native one.");
        const size = header.length + payload.length + sealer.tagBytes;
        const batch = this.#batchFor(to, size);
        if (!batch) return;
        const { data, end } = batch;
        data.bytes.set(header, end);
        data.bytes.set(payload, end + header.length);
        sealer.sealInPlace(data, end, header.length, payload.length, index);
        this.#add(batch, to, size);
      },
    };
  }

  /** The batch for a datagram; undefined if it cannot be sent. */
  #batchFor(to: Destination, size: number): Batch | undefined {
    if (this.#closed || size > MAX_DATAGRAM) return undefined;
    if (this.#batch.hasRoom(to, size)) return this.#batch;
    if (this.#stalledAt === undefined) this.#send();
    if (this.#batch.hasRoom(to, size)) return this.#batch;
    if (this.#waitingBytes + this.#batch.end > SEND_BUFFER) {
      this.#dropped++;
      return undefined;
    }
    this.#waitingBytes += this.#batch.end;
    this.#waiting.push(this.#batch);
    this.#batch = this.#spare.pop() ?? new Batch(this.#native);
    return this.#batch;
  }

  #add(batch: Batch, to: Destination, size: number): void {
    batch.add(to, size);
    if (this.#flushes || this.#stalledAt !== undefined) return;
    this.#flushes = true;
    queueMicrotask(() => {
      this.#flushes = false;
      if (this.#stalledAt === undefined) this.#send();
    });
  }

  /** Sends what waits, in order, until the system's buffer is full. */
  #send(): void {
    if (this.#closed) return;
    let sent = 0;
    for (const batch of [...this.#waiting, this.#batch]) {
      const result = batch.send(this.fd);
      sent += result.sent;
      if (result.isFull) {
        this.#wait(sent > 0);
        return;
      }
      this.#finish(batch);
    }
    this.#stalledAt = undefined;
  }

  #wait(hasProgress: boolean): void {
    const now = this.#clock.now();
    if (hasProgress || this.#stalledAt === undefined) this.#stalledAt = now;
    if (now - this.#stalledAt >= MAX_STALL) {
      this.#dropAll();
      this.#stalledAt = undefined;
    } else this.#clock.after(RETRY_INTERVAL, () => this.#send());
  }

  #dropAll(): void {
    for (const batch of [...this.#waiting, this.#batch]) this.#finish(batch);
  }

  /** Empties a batch, which is the first that waits or the current one. */
  #finish(batch: Batch): void {
    const bytes = batch.end;
    batch.clear();
    this.#dropped += batch.takeDropped();
    if (batch === this.#batch) return;
    this.#waiting.shift();
    this.#waitingBytes -= bytes;
    if (this.#spare.length < MAX_SPARE) this.#spare.push(batch);
  }
}
