/**
 * The guard in front of a peer connection's packet input. werift answers STUN without checking it and
 * lets one unauthenticated datagram end a DTLS session, so nothing reaches it that has not been vouched
 * for: STUN requests by their MESSAGE-INTEGRITY (RFC 8489, section 14.5; RFC 8445, section 7.3), all else
 * by coming from an address that sent such a request.
 */
import { parseMessage } from "werift";

/** Addresses one viewer may be heard from at once: its interfaces, and where a NAT moved it to. */
const MAX_ADDRESSES = 16;

/** Larger than any datagram a viewer has reason to send. */
const MAX_DATAGRAM = 2048;

/** What a datagram is, by its first byte (RFC 7983, section 7). */
function kindOf(first: number): "stun" | "dtls" | "rtp" | "unknown" {
  if (first <= 3) return "stun";
  if (first >= 20 && first <= 63) return "dtls";
  if (first >= 128 && first <= 191) return "rtp";
  return "unknown";
}

const STUN_CLASS = 0x0110;
const STUN_REQUEST = 0x0000;

const DTLS_ALERT = 21;
const DTLS_HANDSHAKE = 22;
const DTLS_APPLICATION_DATA = 23;
const DTLS_RECORD_HEADER = 13;
const CLIENT_HELLO = 1;

export class PacketGuard {
  readonly #password: (usernameFragment: string) => string | undefined;
  readonly #addresses = new Set<string>();
  #handshakeDone = false;
  #refused = 0;

  /** @param password of one of our own ICE user fragments; undefined for any other. */
  constructor(password: (usernameFragment: string) => string | undefined) {
    this.#password = password;
  }

  /** Datagrams kept out so far. */
  get refused(): number {
    return this.#refused;
  }

  /** From now on a ClientHello in the clear can only be an intruder's. */
  handshakeDone(): void {
    this.#handshakeDone = true;
  }

  /** Whether a datagram from `address` (host and port) may pass. */
  admits(datagram: Buffer, address: string): boolean {
    const passes = this.#passes(datagram, address);
    if (!passes) this.#refused++;
    return passes;
  }

  #passes(datagram: Buffer, address: string): boolean {
    const first = datagram[0];
    if (first === undefined || datagram.length > MAX_DATAGRAM) return false;
    switch (kindOf(first)) {
      case "stun":
        return this.#passesStun(datagram, address);
      case "dtls":
        return this.#addresses.has(address) && this.#passesDtls(datagram);
      case "rtp":
        return this.#addresses.has(address);
      case "unknown":
        return false;
    }
  }

  #passesStun(datagram: Buffer, address: string): boolean {
    if (datagram.length < 20) return false;
    // Responses are checked by werift against the request they answer.
    if ((datagram.readUInt16BE(0) & STUN_CLASS) !== STUN_REQUEST) return true;
    const username = parseMessage(datagram)?.getAttributeValue("USERNAME");
    if (typeof username !== "string") return false;
    const password = this.#password(username.split(":")[0] ?? "");
    if (password === undefined || !parseMessage(datagram, Buffer.from(password))) return false;
    this.#remember(address);
    return true;
  }

  /** Only records that DTLS 1.2 defines, and in the clear only what a handshake needs. */
  #passesDtls(datagram: Buffer): boolean {
    for (let at = 0; at < datagram.length; ) {
      if (at + DTLS_RECORD_HEADER > datagram.length) return false;
      const type = datagram[at] ?? 0;
      const epoch = datagram.readUInt16BE(at + 3);
      const length = datagram.readUInt16BE(at + 11);
      if (type > DTLS_APPLICATION_DATA || at + DTLS_RECORD_HEADER + length > datagram.length) return false;
      if (epoch === 0) {
        if (type === DTLS_ALERT || type === DTLS_APPLICATION_DATA) return false;
        const message = datagram[at + DTLS_RECORD_HEADER];
        if (this.#handshakeDone && type === DTLS_HANDSHAKE && message === CLIENT_HELLO) return false;
      }
      at += DTLS_RECORD_HEADER + length;
    }
    return true;
  }

  #remember(address: string): void {
    this.#addresses.delete(address);
    this.#addresses.add(address);
    const [oldest] = this.#addresses;
    if (this.#addresses.size > MAX_ADDRESSES && oldest !== undefined) this.#addresses.delete(oldest);
  }
}
