/** Who the client is: the other end of the connection, or whom a proxy that the user has named speaks for. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import { plainAddress, readNetwork } from "../network/ip.ts";

/** What a request says of who sent it. */
export interface Sent {
  readonly headers: IncomingHttpHeaders;
  /** The other end of its connection; undefined over the Unix socket. */
  readonly address: string | undefined;
}

/** The request's sender, as {@link Proxies} takes it. */
export function senderOf({ headers, socket }: IncomingMessage): Sent {
  return { headers, address: socket.remoteAddress };
}

/** What a joined server says of a request that it passes on. */
export interface Vouched {
  /** The client's address; undefined where it came over the Unix socket. */
  readonly client: string | undefined;
  /** By which the client came. */
  readonly proto: "http" | "https";
}

/** The proxies whose `X-Forwarded-*` is believed. */
export class Proxies {
  readonly #named = new BlockList();
  readonly #tellUnnamed: (proxy: string) => void;
  /** What joined servers have said of requests, by the requests' headers. */
  readonly #vouched = new WeakMap<IncomingHttpHeaders, Vouched>();
  #told = false;

  /**
   * @param named addresses or networks, as {@link readNetwork} takes them.
   * @param tellUnnamed hears once of another that forwards on this machine.
   */
  constructor(named: readonly string[], tellUnnamed: (proxy: string) => void) {
    this.#tellUnnamed = tellUnnamed;
    for (const text of named) {
      const network = readNetwork(text);
      if (network) this.#named.addSubnet(network.ip, network.prefix, familyOf(network.ip));
    }
  }

  /** Takes what a joined server has proved to say of the request with these headers, in place of all else. */
  believe(headers: IncomingHttpHeaders, vouched: Vouched): void {
    this.#vouched.set(headers, vouched);
  }

  /** Whether a joined server has vouched for the request with these headers, see {@link believe}. */
  isVouched(headers: IncomingHttpHeaders): boolean {
    return this.#vouched.has(headers);
  }

  /** Whether it is one of them. */
  has(address: string | undefined): boolean {
    if (address === undefined) return false;
    const ip = plainAddress(address);
    return isIP(ip) !== 0 && this.#named.check(ip, familyOf(ip));
  }

  /**
   * The address of the client: the last in `X-Forwarded-For` that is no named proxy's. What a client writes there
   * itself stands before that.
   */
  clientOf({ headers, address }: Sent): string | undefined {
    const vouched = this.#vouched.get(headers);
    if (vouched) return vouched.client;
    if (address === undefined) return undefined;
    let client = plainAddress(address);
    const forwarded = listOf(headers["x-forwarded-for"]);
    if (forwarded.length > 0 && !this.has(client)) this.#tell(client);
    while (this.has(client)) {
      const before = plainAddress(forwarded.pop() ?? "");
      if (isIP(before) === 0) break;
      client = before;
    }
    return client;
  }

  /**
   * The origin by which the client reaches this server.
   * @param secure whether this server itself speaks TLS.
   */
  originOf({ headers, address }: Sent, secure: boolean): string {
    const vouched = this.#vouched.get(headers);
    if (vouched) return `${vouched.proto}://${headers.host ?? "localhost"}`;
    const trusted = this.has(address);
    const scheme = trusted ? listOf(headers["x-forwarded-proto"])[0] : undefined;
    const host =
      (trusted ? listOf(headers["x-forwarded-host"])[0] : undefined) ?? headers.host ?? "localhost";
    return `${scheme === "https" || (scheme !== "http" && secure) ? "https" : "http"}://${host}`;
  }

  #tell(proxy: string): void {
    if (this.#told || !isLocalNetwork(proxy)) return;
    this.#told = true;
    this.#tellUnnamed(proxy);
  }
}

function familyOf(ip: string): "ipv4" | "ipv6" {
  return isIP(ip) === 6 ? "ipv6" : "ipv4";
}

function listOf(header: string | string[] | undefined): string[] {
  const text = Array.isArray(header) ? header.join(",") : (header ?? "");
  return text.split(",").flatMap((one) => one.trim() || []);
}

/** Loopback and private networks (RFC 1918, RFC 4193): where people's own proxies are. */
function isLocalNetwork(ip: string): boolean {
  return /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|::1$|f[cd])/i.test(ip);
}
