/**
 * The port that all viewers share, over UDP and TCP, IPv4 and IPv6. It assigns each datagram to a viewer: a connectivity
 * check by its username fragment, any other datagram by the address that an authentic check came from.
 */
import { isIPv4 } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { Rounds } from "../../base/rounds.ts";
import type { Address } from "../../network/address.ts";
import type { AnnouncedAddress } from "../../network/announce.ts";
import { machineAddresses } from "../../network/machine-addresses.ts";
import type { MediaIo, MediaSocket } from "../io/io.ts";
import type { Route } from "../io/route.ts";
import { readBindingRequest, unknownAttributes } from "../stun/check.ts";
import { Endpoint, type EndpointEvents } from "./endpoint.ts";
import { Relay, type RelayOptions } from "./relay.ts";
import { TcpListener } from "./tcp.ts";

/** Larger than any legitimate datagram of a viewer. */
const MAX_DATAGRAM = 2048;

/** Username fragments of one viewer: the current one, and the one before an ICE restart. */
const MAX_FRAGMENTS = 2;

/** Binds every IPv4 address of this machine. */
const ANY_IPV4 = "0.0.0.0";

/** What a port is opened with. */
export interface PortOptions {
  readonly clock: Clock;
  readonly io: MediaIo;
  /** 0 takes a free one. */
  readonly port: number;
  /** The address to bind; undefined binds every address of this machine, `0.0.0.0` every IPv4 address. */
  readonly host: string | undefined;
  /** Candidates besides the addresses of this machine. */
  readonly announced?: readonly AnnouncedAddress[];
  /** TURN servers that relay for this server; undefined for none. */
  readonly relay?: Pick<RelayOptions, "servers" | "credentials" | "log"> | undefined;
}

/** Datagrams refused, by reason; for `/metrics`. */
export interface PortCounters {
  /** Another protocol, or too long. */
  garbage: number;
  /** Connectivity checks with a wrong MESSAGE-INTEGRITY, or replayed. */
  unauthentic: number;
  /** From an address without an authentic check. */
  stranger: number;
  /** From a viewer, but above its rate limit, or a DTLS record out of place. */
  unsound: number;
}

/** The port as a viewer's session uses it. */
export interface ViewerPort {
  /**
   * The port's ICE candidates, UDP before TCP: lines of a session description (RFC 8839, section 5.1; RFC 6544, section
   * 4.5, for TCP).
   */
  candidates(): string[];
  /** Adds a viewer. Its datagrams arrive once it has accepted a username fragment. */
  register(events: EndpointEvents): Registration;
}

/** One viewer at the port. */
export interface Registration {
  /** As {@link DtlsGate.handshakeDone}. */
  handshakeDone(): void;
  /** As {@link Endpoint.heard}. */
  heard(key: string): void;
  /**
   * Assigns checks with this username fragment to the viewer. The previous fragment stays valid until an ICE restart is done
   * (RFC 8445, section 2.4).
   * @throws if another viewer has the fragment: fragments are short and random.
   */
  accept(fragment: string, password: string): void;
  /** Removes the viewer. */
  close(): void;
}

/** The protocol of a datagram, by its first byte (RFC 7983, section 7); `session` is DTLS, SRTP or SRTCP. */
function kindOf(first: number): "stun" | "session" | "unknown" {
  if (first <= 3) return "stun";
  if ((first >= 20 && first <= 63) || (first >= 128 && first <= 191)) return "session";
  return "unknown";
}

/** The port of a server. */
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
   * Binds the port.
   * @throws the system's error if the port is taken, or the address is none of this machine's.
   */
  static async open(options: PortOptions): Promise<RtcPort> {
    const { io, host } = options;
    const rtc = new RtcPort(options);
    try {
      for (const address of host === undefined ? [ANY_IPV4, "::"] : [host]) {
        const family = address.includes(":") ? 6 : 4;
        const wanted = { family, host: address, port: rtc.#port || options.port } as const;
        const bound = io.bind(wanted).catch((error: NodeJS.ErrnoException) => {
          // A machine without IPv6 fails to bind `::`.
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

  /** The port number, the same for UDP and TCP. */
  get port(): number {
    return this.#port;
  }

  /** Media datagrams that the system did not accept. */
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
    // Our own addresses come first: a direct path is shorter.
    const ends = [...own.map((ip) => ({ ip, port: undefined })), ...this.#announced];
    const line = (kind: string, preference: number) => (end: AnnouncedAddress, n: number) =>
      // RFC 8445, section 5.1.2.1: type preference 126 (host), component 1.
      `a=candidate:${kind}${n} 1 ${kind} ${126 * 2 ** 24 + (preference - n) * 2 ** 8 + 255} ${end.ip} ${end.port ?? this.#port} typ host${kind === "tcp" ? " tcptype passive" : ""}`;
    const relayed = this.#relay?.candidates() ?? [];
    return [...ends.map(line("udp", 65_535)), ...ends.map(line("tcp", 32_767)), ...relayed];
  }

  register(events: EndpointEvents): Registration {
    const endpoint = new Endpoint(this.#clock, events);
    const fragments: string[] = [];
    const stopChecking = this.#rounds.everySecond(() => endpoint.checkFreshness());
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
        stopChecking();
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
      // No reply can be sent to port 0.
      if (port === 0) this.counters.garbage++;
      else
        this.#receive(datagram, `${family} ${address} ${port}`, () => udpRoute(bound, { ip: address, port }));
    });
    // For example an unreachable host. The viewer's timeout covers it.
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
    // A viewer must not take over another's address: it would receive the other's packets.
    const isTaken = owner !== undefined && owner !== known?.endpoint && owner.holds(key);
    if (known && !isTaken && request.isAuthentic(known.password)) {
      if (request.unknown.length > 0) {
        routeOf().send(unknownAttributes(request, known.password));
        return true;
      }
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

  /** The address no longer belongs to a viewer. */
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
