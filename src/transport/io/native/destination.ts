/** One address that a sender sends to, and what the path there takes. */
import type { Address } from "../../../network/address.ts";
import type { Native } from "./ffi.ts";
import { AF_INET, AF_INET6, SOCKADDR_BYTES, sockaddrOf } from "./sockaddr.ts";

const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_IP = 0;
const IP_MTU = 14;
const IPPROTO_IPV6 = 41;
const IPV6_MTU = 24;

/** Headers of IP and UDP. */
const IPV4_HEADERS = 28;
const IPV6_HEADERS = 48;

/** A destination. Two messages have the same one if it is the same object. */
export class Destination {
  readonly sockaddr: Buffer;
  readonly #native: Native;
  #segments: boolean;
  /** Undefined if it must be looked up. */
  #maxDatagram: number | undefined;

  /** @param segments whether the kernel supports UDP_SEGMENT. */
  constructor(native: Native, address: Address, segments: boolean) {
    this.#native = native;
    this.sockaddr = sockaddrOf(address);
    this.#segments = segments;
  }

  /** Whether a message may have several datagrams. */
  get segments(): boolean {
    return this.#segments;
  }

  /** As {@link Route.maxDatagram}. */
  get maxDatagram(): number {
    this.#maxDatagram ??= maxDatagramTo(this.#native, this.sockaddr);
    return this.#maxDatagram;
  }

  /** The kernel refused a segmented message, or a datagram for its size: this path takes none, and its MTU may be new. */
  refusedSegments(): void {
    this.#segments = false;
    this.#maxDatagram = undefined;
  }
}

/** By the path MTU that the kernel knows, which it tells of a connected socket only; infinite if it tells none. */
function maxDatagramTo({ system, allocate }: Native, sockaddr: Buffer): number {
  const isV6 = sockaddr.length === SOCKADDR_BYTES;
  const { bytes, at } = allocate(SOCKADDR_BYTES + 8);
  const [mtu, length] = [SOCKADDR_BYTES, SOCKADDR_BYTES + 4];
  bytes.set(sockaddr);
  bytes.writeInt32LE(4, length);
  const fd = system.socket(isV6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Number.POSITIVE_INFINITY;
  const [level, option] = isV6 ? [IPPROTO_IPV6, IPV6_MTU] : [IPPROTO_IP, IP_MTU];
  const isKnown =
    system.connect(fd, at, sockaddr.length) === 0 &&
    system.getOption(fd, level, option, at + mtu, at + length) === 0;
  system.close(fd);
  return isKnown ? bytes.readInt32LE(mtu) - (isV6 ? IPV6_HEADERS : IPV4_HEADERS) : Number.POSITIVE_INFINITY;
}
