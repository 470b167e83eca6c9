/**
 * Media sealed and sent by native calls (Linux): AES by the OpenSSL within Node, many datagrams a system call by
 * `sendmmsg`, and the packets of a frame to one viewer in one piece that the kernel cuts up (`UDP_SEGMENT`). No pointer
 * leaves this file. All memory that native code reads or writes is allocated once, and held for as long as the process
 * lives or the object that owns it is in use.
 */
import { endianness, networkInterfaces } from "node:os";
import type { Address } from "../../network/address.ts";
import { ipBytes } from "../../network/address.ts";
import { KEY_BYTES, NodeSealer, PROFILES, type Sealer, type SessionKeys, writeNonce } from "../rtp/srtp.ts";
import {
  type MediaIo,
  type MediaSender,
  type MediaSocket,
  RECEIVE_BUFFER,
  SEND_BUFFER,
  type SocketOptions,
} from "./io.ts";
import { listening, newSocket } from "./plain.ts";
import type { Route } from "./route.ts";

/** A native address: below 2^47 on the machines that this runs on, and so exact as a number. */
type Pointer = number;

// ---- The functions used ----

/** OpenSSL's: `int` results are 1 for success. */
interface Crypto {
  newContext(): Pointer;
  freeContext(context: Pointer): void;
  gcm(): Pointer;
  ctr(): Pointer;
  init(context: Pointer, cipher: Pointer, engine: Pointer, key: Pointer, nonce: Pointer): number;
  update(context: Pointer, out: Pointer, outLength: Pointer, from: Pointer, length: number): number;
  finish(context: Pointer, out: Pointer, outLength: Pointer): number;
  control(context: Pointer, what: number, length: number, at: Pointer): number;
  newHmac(): Pointer;
  freeHmac(context: Pointer): void;
  sha1(): Pointer;
  hmacInit(context: Pointer, key: Pointer, length: number, digest: Pointer, engine: Pointer): number;
  hmacUpdate(context: Pointer, from: Pointer, length: number): number;
  hmacFinish(context: Pointer, out: Pointer, outLength: Pointer): number;
}

interface System {
  socket(domain: number, type: number, protocol: number): number;
  setOption(socket: number, level: number, name: number, value: Pointer, length: number): number;
  bind(socket: number, address: Pointer, length: number): number;
  close(socket: number): number;
  send(socket: number, messages: Pointer, count: number, flags: number): number;
  errno(): number;
}

/** Memory with an address. */
interface Memory {
  readonly bytes: Buffer;
  readonly at: Pointer;
}

interface Native {
  readonly crypto: Crypto;
  readonly system: System;
  allocate(bytes: number): Memory;
}

async function loadNative(): Promise<Native> {
  const { default: koffi } = await import("koffi");
  // What the process itself is linked with: a second OpenSSL beside it would crash it.
  const library = koffi.load(null);
  const P = "uintptr_t";
  const define = (name: string, result: string, parameters: string[]) =>
    library.func(name, result, parameters);
  return {
    crypto: {
      newContext: define("EVP_CIPHER_CTX_new", P, []),
      freeContext: define("EVP_CIPHER_CTX_free", "void", [P]),
      gcm: define("EVP_aes_128_gcm", P, []),
      ctr: define("EVP_aes_128_ctr", P, []),
      init: define("EVP_EncryptInit_ex", "int", [P, P, P, P, P]),
      update: define("EVP_EncryptUpdate", "int", [P, P, P, P, "int"]),
      finish: define("EVP_EncryptFinal_ex", "int", [P, P, P]),
      control: define("EVP_CIPHER_CTX_ctrl", "int", [P, "int", "int", P]),
      newHmac: define("HMAC_CTX_new", P, []),
      freeHmac: define("HMAC_CTX_free", "void", [P]),
      sha1: define("EVP_sha1", P, []),
      hmacInit: define("HMAC_Init_ex", "int", [P, P, "int", P, P]),
      hmacUpdate: define("HMAC_Update", "int", [P, P, "size_t"]),
      hmacFinish: define("HMAC_Final", "int", [P, P, P]),
    },
    system: {
      socket: define("socket", "int", ["int", "int", "int"]),
      setOption: define("setsockopt", "int", ["int", "int", "int", P, "uint32_t"]),
      bind: define("bind", "int", ["int", P, "uint32_t"]),
      close: define("close", "int", ["int"]),
      send: define("sendmmsg", "int", ["int", P, "uint32_t", "int"]),
      errno: () => koffi.errno(),
    },
    allocate(bytes) {
      const memory = new ArrayBuffer(bytes);
      return { bytes: Buffer.from(memory), at: Number(koffi.address(new Uint8Array(memory))) };
    },
  };
}

// ---- Sealing ----

const GCM_GET_TAG = 0x10;

/** Seals in place. */
class NativeSealer implements Sealer {
  readonly #crypto: Crypto;
  readonly #keys: SessionKeys;
  readonly #plain: NodeSealer;
  /** The nonce, what lengths are written to, the roll-over counter, an HMAC. */
  readonly #scratch: Memory;
  readonly #nonce: Buffer;
  #cipher: Pointer;
  #hmac: Pointer = 0;

  constructor({ crypto, allocate }: Native, keys: SessionKeys) {
    this.#crypto = crypto;
    this.#keys = keys;
    this.#plain = new NodeSealer(keys);
    this.#scratch = allocate(96);
    this.#cipher = crypto.newContext();
    const { bytes, at } = this.#scratch;
    const gcm = keys.profile === "AEAD_AES_128_GCM";
    this.#nonce = bytes.subarray(0, gcm ? 12 : 16);
    bytes.set(keys.key, LENGTH);
    const keyed = crypto.init(this.#cipher, gcm ? crypto.gcm() : crypto.ctr(), 0, at + LENGTH, 0);
    bytes.fill(0, LENGTH, LENGTH + KEY_BYTES);
    if (!gcm) {
      this.#hmac = crypto.newHmac();
      bytes.set(keys.auth, HMAC);
      crypto.hmacInit(this.#hmac, at + HMAC, keys.auth.length, crypto.sha1(), 0);
      bytes.fill(0, HMAC);
    }
    if (keyed !== 1) throw new Error("OpenSSL refuses the keys");
  }

  get tagBytes(): number {
    return PROFILES[this.#keys.profile].tagBytes;
  }

  seal(header: Buffer, payload: Buffer, index: number): Buffer {
    return this.#plain.seal(header, payload, index);
  }

  /** Seals the packet that lies in `memory` from `from` on, and writes its tag behind it. */
  sealInPlace(
    { bytes, at }: Memory,
    from: number,
    headerBytes: number,
    bodyBytes: number,
    index: number,
  ): void {
    if (this.#cipher === 0) throw new Error("the keys are closed");
    const crypto = this.#crypto;
    const scratch = this.#scratch.at;
    const [header, body] = [at + from, at + from + headerBytes];
    const tag = body + bodyBytes;
    writeNonce(this.#nonce, this.#keys, bytes.readUInt32BE(from + 8), index);
    let done = crypto.init(this.#cipher, 0, 0, 0, scratch);
    if (this.#hmac === 0) {
      done &= crypto.update(this.#cipher, 0, scratch + LENGTH, header, headerBytes);
      done &= crypto.update(this.#cipher, body, scratch + LENGTH, body, bodyBytes);
      done &= crypto.finish(this.#cipher, tag, scratch + LENGTH);
      done &= crypto.control(this.#cipher, GCM_GET_TAG, this.tagBytes, tag);
    } else {
      done &= crypto.update(this.#cipher, body, scratch + LENGTH, body, bodyBytes);
      this.#scratch.bytes.writeUInt32BE(Math.floor(index / 2 ** 16), ROLL_OVER);
      done &= crypto.hmacInit(this.#hmac, 0, 0, 0, 0);
      done &= crypto.hmacUpdate(this.#hmac, header, headerBytes + bodyBytes);
      done &= crypto.hmacUpdate(this.#hmac, scratch + ROLL_OVER, 4);
      done &= crypto.hmacFinish(this.#hmac, scratch + HMAC, scratch + LENGTH);
      this.#scratch.bytes.copy(bytes, from + headerBytes + bodyBytes, HMAC, HMAC + this.tagBytes);
    }
    // Nothing may leave in the clear.
    if (done !== 1) throw new Error("OpenSSL failed to seal a packet");
  }

  close(): void {
    this.#plain.close();
    if (this.#cipher !== 0) this.#crypto.freeContext(this.#cipher);
    if (this.#hmac !== 0) this.#crypto.freeHmac(this.#hmac);
    this.#cipher = 0;
    this.#hmac = 0;
  }
}

/** Where things lie in a sealer's scratch memory; the first 16 bytes are the nonce. */
const LENGTH = 16;
const ROLL_OVER = 40;
const HMAC = 48;

// ---- Sending ----

/** Datagrams to one viewer, of equal size but for a shorter last one, that leave as one message. */
const MAX_SEGMENTS = 32;
const MAX_MESSAGE_BYTES = 60_000;
const MAX_MESSAGES = 64;
const DATA_BYTES = 512 * 1024;

/** Sizes of the kernel's structures on 64-bit Linux: sockaddr_in6, iovec, mmsghdr, cmsghdr with 2 bytes. */
const SOCKADDR = 28;
const IOVEC = 16;
const MMSGHDR = 64;
const CMSG = 24;
const CMSG_LENGTH = 18;

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const MSG_DONTWAIT = 0x40;
const EIO = 5;
const EAGAIN = 11;
const EINVAL = 22;
const EADDRINUSE = 98;
const EADDRNOTAVAIL = 99;

interface Destination {
  readonly sockaddr: Buffer;
}

class NativeSender implements MediaSender {
  readonly fd: number;
  readonly #system: System;
  readonly #data: Memory;
  readonly #names: Memory;
  readonly #vectors: Memory;
  readonly #messages: Memory;
  readonly #controls: Memory;
  #segmentation: boolean;
  #dropped = 0;

  /** How many datagrams each message holds. */
  readonly #counts = new Uint8Array(MAX_MESSAGES);
  #messageCount = 0;
  #dataEnd = 0;
  /** Of the message that is being filled. */
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
    this.#names = allocate(MAX_MESSAGES * SOCKADDR);
    this.#vectors = allocate(MAX_MESSAGES * IOVEC);
    this.#messages = allocate(MAX_MESSAGES * MMSGHDR);
    this.#controls = allocate(MAX_MESSAGES * CMSG);
    this.#layOut();
  }

  /**
   * Sends what waits, and nothing after: the descriptor may soon be another's.
   * @returns false where it was closed before.
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
        if (!(sealer instanceof NativeSealer)) throw new TypeError("a sealer of another form");
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

  /** What stays the same in the structures: where each message's parts lie. */
  #layOut(): void {
    for (let n = 0; n < MAX_MESSAGES; n++) {
      const message = n * MMSGHDR;
      const { bytes } = this.#messages;
      bytes.writeBigUInt64LE(BigInt(this.#names.at + n * SOCKADDR), message);
      bytes.writeBigUInt64LE(BigInt(this.#vectors.at + n * IOVEC), message + 16);
      bytes.writeBigUInt64LE(1n, message + 24);
      const control = n * CMSG;
      this.#controls.bytes.writeBigUInt64LE(BigInt(CMSG_LENGTH), control);
      this.#controls.bytes.writeInt32LE(SOL_UDP, control + 8);
      this.#controls.bytes.writeInt32LE(UDP_SEGMENT, control + 12);
    }
  }

  /** False where the datagram cannot be sent. */
  #makeRoom(to: Destination, size: number): boolean {
    if (this.#closed || size > MAX_MESSAGE_BYTES) return false;
    if (!this.#continues(to, size)) this.#begin(to, size);
    return true;
  }

  /** Takes what has been written at the data's end. */
  #add(size: number): void {
    this.#dataEnd += size;
    this.#messageBytes += size;
    this.#segments++;
    // The last of a message may be shorter, and is the last by that.
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
    this.#names.bytes.set(to.sockaddr, n * SOCKADDR);
    this.#messages.bytes.writeUInt32LE(to.sockaddr.length, n * MMSGHDR + 8);
    this.#vectors.bytes.writeBigUInt64LE(BigInt(this.#data.at + this.#dataEnd), n * IOVEC);
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
      // Nothing was sealed for it.
      this.#messageCount--;
      return;
    }
    const n = this.#messageCount - 1;
    this.#counts[n] = this.#segments;
    this.#vectors.bytes.writeBigUInt64LE(BigInt(this.#messageBytes), n * IOVEC + 8);
    const segmented = this.#segments > 1;
    this.#messages.bytes.writeBigUInt64LE(
      segmented ? BigInt(this.#controls.at + n * CMSG) : 0n,
      n * MMSGHDR + 32,
    );
    this.#messages.bytes.writeBigUInt64LE(segmented ? BigInt(CMSG) : 0n, n * MMSGHDR + 40);
    this.#controls.bytes.writeUInt16LE(this.#segmentBytes, n * CMSG + 16);
  }

  #flush(): void {
    this.#end();
    let sent = 0;
    while (sent < this.#messageCount && !this.#closed) {
      const messages = this.#messages.at + sent * MMSGHDR;
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
      // Some devices cannot cut; then each packet goes by itself from now on, and these are asked for again.
      if (count > 1 && (error === EIO || error === EINVAL)) this.#segmentation = false;
      this.#dropped += count;
    }
    this.#messageCount = 0;
    this.#dataEnd = 0;
  }
}

function sockaddrOf({ ip, port }: Address): Buffer {
  const bytes = ipBytes(ip);
  const v4 = bytes.length === 4;
  const sockaddr = Buffer.alloc(v4 ? 16 : SOCKADDR);
  sockaddr.writeUInt16LE(v4 ? AF_INET : AF_INET6);
  sockaddr.writeUInt16BE(port, 2);
  bytes.copy(sockaddr, v4 ? 4 : 8);
  if (!v4) sockaddr.writeUInt32LE(zoneOf(ip), 24);
  return sockaddr;
}

/** The number of the interface that a link-local address is valid on; 0 for any other address. */
function zoneOf(ip: string): number {
  const [, zone] = ip.split("%");
  if (zone === undefined) return 0;
  const addresses = networkInterfaces()[zone] ?? [];
  return addresses.reduce(
    (found, address) => Math.max(found, "scopeid" in address ? (address.scopeid ?? 0) : 0),
    0,
  );
}

/** Makes the socket itself, so that its descriptor is ours to send by. */
async function bind(
  native: Native,
  { family, host, port }: SocketOptions,
  segmentation: boolean,
): Promise<MediaSocket> {
  const { system, allocate } = native;
  const fd = system.socket(family === 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const memory = allocate(SOCKADDR + 4);
  const address = sockaddrOf({ ip: host, port });
  address.copy(memory.bytes);
  memory.bytes.writeInt32LE(1, SOCKADDR);
  if (family === 6) system.setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, memory.at + SOCKADDR, 4);
  if (fd < 0 || system.bind(fd, memory.at, address.length) !== 0) {
    const code = errorName(system.errno());
    if (fd >= 0) system.close(fd);
    throw Object.assign(new Error(`bind ${code} ${host}:${port}`), { code });
  }
  const socket = newSocket(family);
  await listening(socket, () => socket.bind({ fd, exclusive: true }));
  socket.setSendBufferSize(SEND_BUFFER);
  socket.setRecvBufferSize(RECEIVE_BUFFER);
  const sender = new NativeSender(native, fd, segmentation);
  return {
    socket,
    fd,
    get dropped() {
      return sender.dropped;
    },
    wayTo: (address) => sender.wayTo(address),
    close: () => {
      if (sender.close()) socket.close();
    },
  };
}

function errorName(error: number): string {
  if (error === EADDRINUSE) return "EADDRINUSE";
  if (error === EADDRNOTAVAIL) return "EADDRNOTAVAIL";
  return `errno ${error}`;
}

// ---- Loading ----

/**
 * The native form, after it has proved itself on this machine.
 * @throws an error that says what it lacks.
 */
export async function loadNativeIo(): Promise<MediaIo> {
  if (process.platform !== "linux") throw new Error("it is for Linux");
  if (endianness() !== "LE" || !["x64", "arm64"].includes(process.arch))
    throw new Error("it is for x64 and arm64");
  const native = await loadNative();
  for (const profile of Object.keys(PROFILES) as (keyof typeof PROFILES)[]) provesItself(native, profile);
  const segmentation = await canSegment(native);
  return {
    name: "native",
    sealerOf: (keys) => new NativeSealer(native, keys),
    bind: (options) => bind(native, options, segmentation),
    share: (fd) => new NativeSender(native, fd, segmentation),
  };
}

/** Seals as the plain form does, byte for byte. */
function provesItself(native: Native, profile: SessionKeys["profile"]): void {
  const fill = (bytes: number) => Buffer.from(Array.from({ length: bytes }, (_, n) => (n * 37 + 11) & 0xff));
  const keys = { profile, key: fill(16), salt: fill(PROFILES[profile].saltBytes), auth: fill(20) };
  const sealer = new NativeSealer(native, keys);
  const memory = native.allocate(2048);
  for (const [headerBytes, bodyBytes, index] of [
    [12, 1, 1],
    [24, 1180, 2 ** 33 + 5],
  ] as const) {
    const packet = fill(headerBytes + bodyBytes);
    packet.copy(memory.bytes);
    sealer.sealInPlace(memory, 0, headerBytes, bodyBytes, index);
    const expected = sealer.seal(packet.subarray(0, headerBytes), packet.subarray(headerBytes), index);
    if (!expected.equals(memory.bytes.subarray(0, expected.length)))
      throw new Error(`its ${profile} is wrong`);
  }
  sealer.close();
}

/** Whether the kernel cuts a message up: by one of three pieces, sent to ourselves. */
async function canSegment(native: Native): Promise<boolean> {
  const sender = await bind(native, { family: 4, host: "127.0.0.1", port: 0 }, true);
  const { port } = sender.socket.address();
  const sealer = new NativeSealer(native, {
    profile: "AEAD_AES_128_GCM",
    key: Buffer.alloc(16),
    salt: Buffer.alloc(12),
    auth: Buffer.alloc(20),
  });
  const sizes: number[] = [];
  const received = new Promise<void>((resolve) => {
    const stop = setTimeout(resolve, 200);
    sender.socket.on("message", ({ length }) => {
      if (sizes.push(length) < 3) return;
      clearTimeout(stop);
      resolve();
    });
  });
  const { sendMedia } = sender.wayTo({ ip: "127.0.0.1", port });
  for (const bytes of [100, 100, 40]) sendMedia(sealer, Buffer.alloc(12), Buffer.alloc(bytes), 1);
  await received;
  sealer.close();
  sender.close();
  return sizes.join() === "128,128,68";
}
