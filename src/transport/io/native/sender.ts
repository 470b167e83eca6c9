/**
 * Sends datagrams by `sendmmsg`, many in one system call. The packets of one frame to one viewer form a single message that
 * the kernel cuts into datagrams (UDP_SEGMENT). Everything queued in one task leaves when the task ends.
 */
import type { Address } from "../../../network/address.ts";
import type { MediaSender } from "../io.ts";
import type { Route } from "../route.ts";
import type { Memory, Native, System } from "./ffi.ts";
import { NativeSealer } from "./sealer.ts";
import { SOCKADDR_BYTES, sockaddrOf } from "./sockaddr.ts";

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

/** A destination. Two messages have the same one if it is the same object. */
interface Destination {
  readonly sockaddr: Buffer;
}

/** Sends through a bound socket. It owns no descriptor: the caller closes it. */
export class NativeSender implements MediaSender {
  readonly fd: number;
  readonly #system: System;
  readonly #data: Memory;
  readonly #names: Memory;
  readonly #vectors: Memory;
  readonly #messages: Memory;
  readonly #controls: Memory;
  #segmentation: boolean;
  #dropped = 0;

  /** Datagrams in each message. */
  readonly #counts = new Uint8Array(MAX_MESSAGES);
  #messageCount = 0;
  #dataEnd = 0;
  /** Where the open message goes; undefined if none is open. */
  #to: Destination | undefined;
  #segmentBytes = 0;
  #segments = 0;
  #messageBytes = 0;
  #closed = false;

  constructor({ system, allocate }: Native, fd: number, segmentation: boolean) {
    this.fd = fd;
    this.#system = system;
    this.#segmentation = segmentation;
    this.#data = allocate(DATA_BYTES);
    this.#names = allocate(MAX_MESSAGES * SOCKADDR_BYTES);
    this.#vectors = allocate(MAX_MESSAGES * IOVEC_BYTES);
    this.#messages = allocate(MAX_MESSAGES * MMSGHDR_BYTES);
    this.#controls = allocate(MAX_MESSAGES * CMSG_BYTES);
    this.#layOut();
  }

  /**
   * Sends what is queued and drops everything later, because the system may reuse the descriptor.
   * @returns false if it was closed before.
   */
  close(): boolean {
    if (this.#closed) return false;
    this.#flush();
    this.#closed = true;
    return true;
  }

  get dropped(): number {
    return this.#dropped;
  }

  wayTo(address: Address): Pick<Route, "send" | "sendMedia"> {
    const to = { sockaddr: sockaddrOf(address) };
    return {
      send: (datagram) => {
        if (!this.#makeRoom(to, datagram.length)) return;
        this.#data.bytes.set(datagram, this.#dataEnd);
        this.#add(datagram.length);
      },
      sendMedia: (sealer, header, payload, index) => {
        if (!(sealer instanceof NativeSealer)) throw new TypeError("The sealer is not a native one.");
        const size = header.length + payload.length + sealer.tagBytes;
        if (!this.#makeRoom(to, size)) return;
        const { bytes } = this.#data;
        bytes.set(header, this.#dataEnd);
        bytes.set(payload, this.#dataEnd + header.length);
        sealer.sealInPlace(this.#data, this.#dataEnd, header.length, payload.length, index);
        this.#add(size);
      },
    };
  }

  /** Writes the constant fields of all structures: the pointers to each message's parts. */
  #layOut(): void {
    for (let n = 0; n < MAX_MESSAGES; n++) {
      const message = n * MMSGHDR_BYTES;
      const { bytes } = this.#messages;
      bytes.writeBigUInt64LE(BigInt(this.#names.at + n * SOCKADDR_BYTES), message);
      bytes.writeBigUInt64LE(BigInt(this.#vectors.at + n * IOVEC_BYTES), message + 16);
      bytes.writeBigUInt64LE(1n, message + 24);
      const control = n * CMSG_BYTES;
      this.#controls.bytes.writeBigUInt64LE(BigInt(CMSG_LEN), control);
      this.#controls.bytes.writeInt32LE(SOL_UDP, control + 8);
      this.#controls.bytes.writeInt32LE(UDP_SEGMENT, control + 12);
    }
  }

  /** @returns false if the datagram cannot be sent. */
  #makeRoom(to: Destination, size: number): boolean {
    if (this.#closed || size > MAX_MESSAGE_BYTES) return false;
    if (!this.#continues(to, size)) this.#begin(to, size);
    return true;
  }

  /** Adds the datagram at the end of the data to the open message. */
  #add(size: number): void {
    this.#dataEnd += size;
    this.#messageBytes += size;
    this.#segments++;
    // UDP_SEGMENT allows one shorter datagram, at the end.
    if (size < this.#segmentBytes) this.#end();
  }

  #continues(to: Destination, size: number): boolean {
    if (this.#to !== to || !this.#segmentation || size > this.#segmentBytes) return false;
    if (this.#segments >= MAX_SEGMENTS || this.#messageBytes + size > MAX_MESSAGE_BYTES) return false;
    return this.#dataEnd + size <= DATA_BYTES;
  }

  #begin(to: Destination, size: number): void {
    this.#end();
    if (this.#messageCount === MAX_MESSAGES || this.#dataEnd + size > DATA_BYTES) this.#flush();
    if (this.#messageCount === 0) queueMicrotask(() => this.#flush());
    const n = this.#messageCount;
    this.#names.bytes.set(to.sockaddr, n * SOCKADDR_BYTES);
    this.#messages.bytes.writeUInt32LE(to.sockaddr.length, n * MMSGHDR_BYTES + 8);
    this.#vectors.bytes.writeBigUInt64LE(BigInt(this.#data.at + this.#dataEnd), n * IOVEC_BYTES);
    this.#messageCount++;
    this.#to = to;
    this.#segmentBytes = size;
    this.#segments = 0;
    this.#messageBytes = 0;
  }

  #end(): void {
    if (!this.#to) return;
    this.#to = undefined;
    if (this.#segments === 0) {
      // Sealing threw an error, so the message is empty.
      this.#messageCount--;
      return;
    }
    const n = this.#messageCount - 1;
    this.#counts[n] = this.#segments;
    this.#vectors.bytes.writeBigUInt64LE(BigInt(this.#messageBytes), n * IOVEC_BYTES + 8);
    const segmented = this.#segments > 1;
    this.#messages.bytes.writeBigUInt64LE(
      segmented ? BigInt(this.#controls.at + n * CMSG_BYTES) : 0n,
      n * MMSGHDR_BYTES + 32,
    );
    this.#messages.bytes.writeBigUInt64LE(segmented ? BigInt(CMSG_BYTES) : 0n, n * MMSGHDR_BYTES + 40);
    this.#controls.bytes.writeUInt16LE(this.#segmentBytes, n * CMSG_BYTES + 16);
  }

  #flush(): void {
    this.#end();
    let sent = 0;
    while (sent < this.#messageCount && !this.#closed) {
      const messages = this.#messages.at + sent * MMSGHDR_BYTES;
      const taken = this.#system.send(this.fd, messages, this.#messageCount - sent, MSG_DONTWAIT);
      if (taken > 0) {
        sent += taken;
        continue;
      }
      const error = this.#system.errno();
      if (error === EAGAIN) {
        while (sent < this.#messageCount) this.#dropped += this.#counts[sent++] ?? 0;
        break;
      }
      const count = this.#counts[sent++] ?? 0;
      // Some network devices cannot segment. Stop using it; the viewers request these packets again.
      if (count > 1 && (error === EIO || error === EINVAL)) this.#segmentation = false;
      this.#dropped += count;
    }
    this.#messageCount = 0;
    this.#dataEnd = 0;
  }
}
