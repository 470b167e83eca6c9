/**
 * The port that all viewers share, UDP and TCP, IPv4 and IPv6: it tells whose each datagram is, by the user fragment
 * that an authentic connectivity check names, and then by its address.
 */
import { isIPv4 } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { Rounds } from "../../base/rounds.ts";
import type { Address } from "../../network/address.ts";
import type { AnnouncedAddress } from "../../network/announce.ts";
import { machineAddresses } from "../../network/machine-addresses.ts";
import type { MediaIo, MediaSocket } from "../io/io.ts";
import type { Route } from "../io/route.ts";
import { readBindingRequest } from "../stun/stun.ts";
import { Endpoint, type EndpointEvents } from "./endpoint.ts";
import { Relay, type RelayOptions } from "./relay.ts";
import { TcpListener } from "./tcp.ts";

/** Larger than any datagram a viewer has reason to send. */
const MAX_DATAGRAM = 2048;

/** User fragments of one viewer: the present one, and the one before. */
const MAX_FRAGMENTS = 2;

/** Every address of this machine, of IPv4. */
const ANY_IPV4 = "0.0.0.0";

export interface PortOptions {
  readonly clock: Clock;
  readonly io: MediaIo;
  /** 0 takes a free one. */
  readonly port: number;
  /** The one address to bind; undefined binds every one of this machine, `0.0.0.0` every one of IPv4. */
  readonly host: string | undefined;
  /** Where viewers may try besides the addresses of this machine. */
  readonly announced?: readonly AnnouncedAddress[];
  /** TURN servers for this server itself; undefined for none. */
  readonly relay?: Pick<RelayOptions, "servers" | "credentials" | "log"> | undefined;
}

/** What was kept out, and why; for `/metrics`. */
export interface PortCounters {
  /** Not to be expected here at all: another protocol, or too long. */
  garbage: number;
  /** Connectivity checks without a right MESSAGE-INTEGRITY, or copied. */
  unauthentic: number;
  /** From an address that has not proved to be a viewer's. */
  stranger: number;
  /** DTLS records that are not ours to hear. */
  unsound: number;
}

/** The port as a viewer's session uses it. */
export interface ViewerPort {
  /**
   * Where viewers may try to reach it: lines of a session description (RFC 8839, section 5.1; RFC 6544, section 4.5
   * for TCP), UDP before TCP.
   */
  candidates(): string[];
  register(events: EndpointEvents): Registration;
}

/** A viewer as the port knows it. */
export interface Registration {
  /** As {@link DtlsGate.handshakeDone}. */
  handshakeDone(): void;
  /** As {@link Endpoint.heard}. */
  heard(key: string): void;
  /**
   * Has checks for this user fragment be its own, and still those for the one before: until an ICE restart is done,
   * the viewer is heard by both (RFC 8445, section 2.4).
   * @throws where they are another's: fragments are short, and drawn at random.
   */
  accept(fragment: string, password: string): void;
  close(): void;
}

/** What a datagram is, by its first byte (RFC 7983, section 7). */
function kindOf(first: number): "stun" | "session" | "unknown" {
  if (first <= 3) return "stun";
  if ((first >= 20 && first <= 63) || (first >= 128 && first <= 191)) return "session";
  return "unknown";
}

export class RtcPort implements ViewerPort {
  readonly #clock: Clock;
  readonly #rounds: Rounds;
  readonly #host: string | undefined;
  readonly #announced: readonly AnnouncedAddress[];
  readonly #sockets: MediaSocket[] = [];
  readonly #fragments = new Map<string, { readonly endpoint: Endpoint; readonly password: string }>();
  readonly #addresses = new Map<string, Endpoint>();
  #tcp: TcpListener | undefined;
  #relay: Relay | undefined;
  #port = 0;
  readonly counters: PortCounters = { garbage: 0, unauthentic: 0, stranger: 0, unsound: 0 };

  private constructor({ clock, host, announced = [] }: PortOptions) {
    this.#clock = clock;
    this.#rounds = new Rounds(clock);
    this.#host = host;
    this.#announced = announced;
  }

  /**
   * Binds it.
   * @throws the system's error where the number is taken, or the address none of this machine.
   */
  static async open(options: PortOptions): Promise<RtcPort> {
    const { io, host } = options;
    const rtc = new RtcPort(options);
    try {
      for (const address of host === undefined ? [ANY_IPV4, "::"] : [host]) {
        const family = address.includes(":") ? 6 : 4;
        const wanted = { family, host: address, port: rtc.#port || options.port } as const;
        const bound = io.bind(wanted).catch((error: NodeJS.ErrnoException) => {
          // A machine without IPv6 has no address to bind.
          if (host !== undefined || family === 4 || error.code === "EADDRINUSE") throw error;
        });
        const socket = await bound;
        if (socket) rtc.#take(socket, family);
      }
      const on = { message: rtc.#receive.bind(rtc), closed: rtc.#lost.bind(rtc) };
      rtc.#tcp = await TcpListener.open({ host, port: rtc.#port, clock: options.clock, on });
      if (options.relay) rtc.#relay = new Relay({ ...options.relay, clock: options.clock, on });
    } catch (error) {
      rtc.close();
      throw error;
    }
    return rtc;
  }

  get port(): number {
    return this.#port;
  }

  /** Media datagrams that the system did not take. */
  get dropped(): number {
    return this.#sockets.reduce((sum, { dropped }) => sum + dropped, this.#tcp?.dropped ?? 0);
  }

  candidates(): string[] {
    const host = this.#host;
    const own =
      host === undefined
        ? machineAddresses()
        : host === ANY_IPV4
          ? machineAddresses().filter(isIPv4)
          : [host];
    // Who can reach our own has the shorter way by them.
    const ends = [...own.map((ip) => ({ ip, port: undefined })), ...this.#announced];
    const line = (kind: string, preference: number) => (end: AnnouncedAddress, n: number) =>
      // RFC 8445, section 5.1.2.1: a host's type preference is 126, the component 1.
      `a=candidate:${kind}${n} 1 ${kind} ${126 * 2 ** 24 + (preference - n) * 2 ** 8 + 255} ${end.ip} ${end.port ?? this.#port} typ host${kind === "tcp" ? " tcptype passive" : ""}`;
    const relayed = this.#relay?.candidates() ?? [];
    return [...ends.map(line("udp", 65_535)), ...ends.map(line("tcp", 32_767)), ...relayed];
  }

  register(events: EndpointEvents): Registration {
    const endpoint = new Endpoint(this.#clock, events);
    const fragments: string[] = [];
    const stopListening = this.#rounds.everySecond(() => endpoint.checkFreshness());
    return {
      handshakeDone: () => endpoint.handshakeDone(),
      heard: (key) => endpoint.heard(key),
      accept: (fragment, password) => {
        if (this.#fragments.has(fragment)) throw new Error("the user fragment is taken");
        fragments.push(fragment);
        this.#fragments.set(fragment, { endpoint, password });
        for (const old of fragments.splice(0, fragments.length - MAX_FRAGMENTS)) this.#fragments.delete(old);
      },
      close: () => {
        stopListening();
        for (const fragment of fragments) this.#fragments.delete(fragment);
        for (const key of endpoint.keys()) this.#forget(key);
      },
    };
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
    this.#tcp?.close();
    this.#relay?.close();
  }

  #take(bound: MediaSocket, family: 4 | 6): void {
    const { socket } = bound;
    this.#sockets.push(bound);
    this.#port = socket.address().port;
    socket.on("message", (datagram, { address, port }) => {
      // Nothing could be sent back there.
      if (port === 0) this.counters.garbage++;
      else
        this.#receive(datagram, `${family} ${address} ${port}`, () => udpRoute(bound, { ip: address, port }));
    });
    // Such as an unreachable host: the viewer's silence will tell.
    socket.on("error", () => {});
  }

  #receive(datagram: Buffer, key: string, routeOf: () => Route): boolean {
    const kind = datagram.length > MAX_DATAGRAM ? "unknown" : kindOf(datagram[0] ?? 255);
    if (kind === "unknown") this.counters.garbage++;
    else if (kind === "stun") return this.#receiveCheck(datagram, key, routeOf);
    else {
      const endpoint = this.#addresses.get(key);
      if (!endpoint) this.counters.stranger++;
      else if (endpoint.receive(datagram, key)) return true;
      else this.counters.unsound++;
    }
    return false;
  }

  #receiveCheck(datagram: Buffer, key: string, routeOf: () => Route): boolean {
    const request = readBindingRequest(datagram);
    if (!request) {
      this.counters.garbage++;
      return false;
    }
    const known = this.#fragments.get(request.localFragment);
    const owner = this.#addresses.get(key);
    // A viewer cannot take another's address over: it would get its packets.
    const isTaken = owner !== undefined && owner !== known?.endpoint && owner.holds(key);
    if (known && !isTaken && request.isAuthentic(known.password)) {
      const dropped = known.endpoint.check(datagram, request, known.password, key, routeOf());
      if (dropped) {
        if (owner !== known.endpoint) owner?.lost(key);
        this.#addresses.set(key, known.endpoint);
        for (const old of dropped) this.#forget(old);
        return true;
      }
    }
    this.counters.unauthentic++;
    return false;
  }

  /** A viewer's address is its own no more. */
  #forget(key: string): void {
    this.#addresses.delete(key);
    this.#tcp?.end(key);
    this.#relay?.end(key);
  }

  #lost(key: string): void {
    this.#addresses.get(key)?.lost(key);
    this.#addresses.delete(key);
  }
}

function udpRoute(bound: MediaSocket, address: Address): Route {
  return { address, protocol: "udp", fd: bound.fd, ...bound.wayTo(address) };
}
