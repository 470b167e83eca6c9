/** Messages for one `sendmmsg` call, in memory that the kernel reads. It keeps its place when the system's buffer is full. */
import type { Destination } from "./destination.ts";
import type { Memory, Native, Pointer, System } from "./ffi.ts";
import { SOCKADDR_BYTES } from "./sockaddr.ts";

/** Datagrams in one message. All have the same size, except that the last one may be shorter. */
const MAX_SEGMENTS = 32;
const MAX_MESSAGE_BYTES = 60_000;
const MAX_MESSAGES = 64;
const DATA_BYTES = 512 * 1024;

/** Sizes on 64-bit Linux: iovec, mmsghdr, and cmsghdr with 2 bytes of data, padded and not. */
const IOVEC_BYTES = 16;
const MMSGHDR_BYTES = 64;
const CMSG_BYTES = 24;
const CMSG_LEN = 18;

const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const MSG_DONTWAIT = 0x40;
const EIO = 5;
const EAGAIN = 11;
const EINVAL = 22;
const EMSGSIZE = 90;

/** What the kernel answers if the path takes no segmented message: the device cannot, or a segment exceeds the path MTU. */
const UNSEGMENTED: readonly number[] = [EIO, EINVAL, EMSGSIZE];

/** A message as it was queued. */
interface Message {
  readonly to: Destination;
  /** Where its datagrams start in the data. */
  readonly from: number;
  /** Bytes of each datagram but the last. */
  readonly segmentBytes: number;
  bytes: number;
  segments: number;
}

/** Filled by one sender, then sent, then cleared for the next use. */
export class Batch {
  readonly #system: System;
  readonly #data: Memory;
  readonly #names: Memory;
  readonly #headers: Headers;
  readonly #controls: Memory;
  /** For a message that is sent as single datagrams. */
  readonly #singles: Headers;
  readonly #queued: Message[] = [];
  #dataEnd = 0;
  /** The last message may take more datagrams. */
  #isOpen = false;
  /** Messages that are sent. */
  #sent = 0;
  /** Datagrams of the first unsent message that are sent one by one; undefined if it is sent whole. */
  #split: number | undefined;
  #dropped = 0;

  constructor({ system, allocate }: Native) {
    this.#system = system;
    this.#data = allocate(DATA_BYTES);
    this.#names = allocate(MAX_MESSAGES * SOCKADDR_BYTES);
    this.#controls = allocate(MAX_MESSAGES * CMSG_BYTES);
    this.#headers = new Headers(allocate, MAX_MESSAGES);
    this.#singles = new Headers(allocate, MAX_SEGMENTS);
    for (let n = 0; n < MAX_MESSAGES; n++) {
      const { bytes } = this.#controls;
      bytes.writeBigUInt64LE(BigInt(CMSG_LEN), n * CMSG_BYTES);
      bytes.writeInt32LE(SOL_UDP, n * CMSG_BYTES + 8);
      bytes.writeInt32LE(UDP_SEGMENT, n * CMSG_BYTES + 12);
    }
  }

  /** Memory for the next datagram, from {@link end} on. */
  get data(): Memory {
    return this.#data;
  }

  /** Where the next datagram starts in {@link data}. */
  get end(): number {
    return this.#dataEnd;
  }

  get isEmpty(): boolean {
    return this.#queued.length === 0;
  }

  /** Datagrams that the system refused since the last call. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** Whether there is room for a datagram to this destination. */
  hasRoom(to: Destination, size: number): boolean {
    return this.#continues(to, size) || this.#canBegin(size);
  }

  /** Adds the datagram that was written at {@link end}. Requires {@link hasRoom}. */
  add(to: Destination, size: number): void {
    if (!this.#continues(to, size)) {
      this.#queued.push({ to, from: this.#dataEnd, segmentBytes: size, bytes: 0, segments: 0 });
      this.#isOpen = true;
    }
    const message = this.#queued.at(-1) as Message;
    this.#dataEnd += size;
    message.bytes += size;
    message.segments++;
    // UDP_SEGMENT allows one shorter datagram, at the end.
    if (size < message.segmentBytes) this.#isOpen = false;
  }

  /**
   * Sends from the first unsent datagram on.
   * @returns how many were sent, and whether the system's buffer is full, so that the rest must wait.
   */
  send(fd: number): { readonly sent: number; readonly isFull: boolean } {
    this.#isOpen = false;
    for (let n = this.#sent; n < this.#queued.length; n++) this.#layOut(n);
    let sent = 0;
    while (this.#sent < this.#queued.length) {
      const taken = this.#split === undefined ? this.#sendWhole(fd) : this.#sendSplit(fd);
      if (taken === undefined) return { sent, isFull: true };
      sent += taken;
    }
    return { sent, isFull: false };
  }

  /** Empties the batch, and counts what is unsent as dropped. */
  clear(): void {
    for (const { segments } of this.#queued.slice(this.#sent)) this.#dropped += segments;
    this.#dropped -= this.#split ?? 0;
    this.#queued.length = 0;
    this.#dataEnd = 0;
    this.#sent = 0;
    this.#split = undefined;
    this.#isOpen = false;
  }

  #continues(to: Destination, size: number): boolean {
    const last = this.#queued.at(-1);
    if (!this.#isOpen || last?.to !== to || !to.segments || size > last.segmentBytes) return false;
    if (last.segments >= MAX_SEGMENTS || last.bytes + size > MAX_MESSAGE_BYTES) return false;
    return this.#dataEnd + size <= DATA_BYTES;
  }

  #canBegin(size: number): boolean {
    return this.#queued.length < MAX_MESSAGES && this.#dataEnd + size <= DATA_BYTES;
  }

  #layOut(n: number): void {
    const { to, from, bytes, segments, segmentBytes } = this.#queued[n] as Message;
    const name = n * SOCKADDR_BYTES;
    this.#names.bytes.set(to.sockaddr, name);
    this.#controls.bytes.writeUInt16LE(segmentBytes, n * CMSG_BYTES + 16);
    const control = segments > 1 ? this.#controls.at + n * CMSG_BYTES : 0;
    this.#headers.set(n, this.#names.at + name, to.sockaddr.length, this.#data.at + from, bytes, control);
  }

  /** @returns how many datagrams were sent; undefined if the system's buffer is full. */
  #sendWhole(fd: number): number | undefined {
    const first = this.#sent;
    const taken = this.#system.send(fd, this.#headers.at(first), this.#queued.length - first, MSG_DONTWAIT);
    if (taken > 0) {
      this.#sent += taken;
      return this.#queued.slice(first, this.#sent).reduce((sum, { segments }) => sum + segments, 0);
    }
    const error = this.#system.errno();
    if (error === EAGAIN) return undefined;
    const { to, segments } = this.#queued[first] as Message;
    if (segments > 1 && UNSEGMENTED.includes(error)) {
      to.refusedSegments();
      this.#split = 0;
    } else {
      if (error === EMSGSIZE) to.refusedSegments();
      this.#sent++;
      this.#dropped += segments;
    }
    return 0;
  }

  /** As {@link #sendWhole}, for the datagrams of the first unsent message one by one. */
  #sendSplit(fd: number): number | undefined {
    const { to, from, bytes, segments, segmentBytes } = this.#queued[this.#sent] as Message;
    const first = this.#split ?? 0;
    const name = this.#names.at + this.#sent * SOCKADDR_BYTES;
    for (let n = first; n < segments; n++) {
      const size = Math.min(segmentBytes, bytes - n * segmentBytes);
      this.#singles.set(n, name, to.sockaddr.length, this.#data.at + from + n * segmentBytes, size, 0);
    }
    const taken = this.#system.send(fd, this.#singles.at(first), segments - first, MSG_DONTWAIT);
    if (taken <= 0) {
      if (this.#system.errno() === EAGAIN) return undefined;
      this.#dropped++;
    }
    this.#split = first + Math.max(1, taken);
    if (this.#split >= segments) {
      this.#split = undefined;
      this.#sent++;
    }
    return Math.max(0, taken);
  }
}

/** An array of mmsghdr, each with one iovec. */
class Headers {
  readonly #messages: Memory;
  readonly #vectors: Memory;

  constructor(allocate: Native["allocate"], count: number) {
    this.#messages = allocate(count * MMSGHDR_BYTES);
    this.#vectors = allocate(count * IOVEC_BYTES);
    for (let n = 0; n < count; n++) {
      const message = n * MMSGHDR_BYTES;
      this.#messages.bytes.writeBigUInt64LE(BigInt(this.#vectors.at + n * IOVEC_BYTES), message + 16);
      this.#messages.bytes.writeBigUInt64LE(1n, message + 24);
    }
  }

  /** The address of one. */
  at(n: number): Pointer {
    return this.#messages.at + n * MMSGHDR_BYTES;
  }

  /** @param control the address of the control message; 0 for none. */
  set(n: number, name: Pointer, nameBytes: number, data: Pointer, dataBytes: number, control: Pointer): void {
    const [message, vector] = [n * MMSGHDR_BYTES, n * IOVEC_BYTES];
    this.#messages.bytes.writeBigUInt64LE(BigInt(name), message);
    this.#messages.bytes.writeUInt32LE(nameBytes, message + 8);
    this.#messages.bytes.writeBigUInt64LE(BigInt(control), message + 32);
    this.#messages.bytes.writeBigUInt64LE(control === 0 ? 0n : BigInt(CMSG_BYTES), message + 40);
    this.#vectors.bytes.writeBigUInt64LE(BigInt(data), vector);
    this.#vectors.bytes.writeBigUInt64LE(BigInt(dataBytes), vector + 8);
  }
}
