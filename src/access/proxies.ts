/**
 * Finds a request's client behind trusted proxies. Express's `proxy-addr` does not fit: it takes a port or a name in
 * `X-Forwarded-For` for a part of the address, keeps the IPv4-mapped form, and refuses networks such as 0.0.0.0/0.
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import { plainAddress, readNetwork } from "../network/ip.ts";

/** A request's headers and connection. */
export interface Sent {
  readonly headers: IncomingHttpHeaders;
  /** The remote address of the connection; undefined over the Unix socket. */
  readonly address: string | undefined;
}

/** The request's sender, as {@link Proxies} takes it. */
export function senderOf({ headers, socket }: IncomingMessage): Sent {
  return { headers, address: socket.remoteAddress };
}

/** What a joined server states about a request that it passes on. */
export interface Vouched {
  /** The client's address; undefined if the client used the Unix socket. */
  readonly client: string | undefined;
  /** The scheme that the client used. */
  readonly proto: "http" | "https";
}

/** The trusted proxies: their `X-Forwarded-*` headers are believed. */
export class Proxies {
  readonly #trusted = new BlockList();
  readonly #onUntrusted: (proxy: string) => void;
  /** What joined servers stated about requests, by the headers of these. */
  readonly #vouched = new WeakMap<IncomingHttpHeaders, Vouched>();
  #hasReported = false;

  /**
   * @param trusted addresses or networks, as {@link readNetwork} takes them.
   * @param onUntrusted called once, with the address of another proxy on this machine or its network.
   */
  constructor(trusted: readonly string[], onUntrusted: (proxy: string) => void) {
    this.#onUntrusted = onUntrusted;
    for (const text of trusted) {
      const network = readNetwork(text);
      if (network) this.#trusted.addSubnet(network.ip, network.prefix, familyOf(network.ip));
    }
  }

  /** Uses what a joined server stated, with a valid signature, in place of the headers themselves. */
  believe(headers: IncomingHttpHeaders, vouched: Vouched): void {
    this.#vouched.set(headers, vouched);
  }

  /** Whether a joined server vouched for the request with these headers, see {@link believe}. */
  isVouched(headers: IncomingHttpHeaders): boolean {
    return this.#vouched.has(headers);
  }

  /** Whether the address is a trusted proxy's. */
  has(address: string | undefined): boolean {
    if (address === undefined) return false;
    const ip = plainAddress(address);
    return isIP(ip) !== 0 && this.#trusted.check(ip, familyOf(ip));
  }

  /**
   * The client's address: the last one in `X-Forwarded-For` that is not a trusted proxy's. Clients can forge only the
   * entries before it.
   */
  clientOf({ headers, address }: Sent): string | undefined {
    const vouched = this.#vouched.get(headers);
    if (vouched) return vouched.client;
    if (address === undefined) return undefined;
    let client = plainAddress(address);
    const forwarded = listOf(headers["x-forwarded-for"]);
    if (forwarded.length > 0 && !this.has(client)) this.#report(client);
    while (this.has(client)) {
      const before = plainAddress(forwarded.pop() ?? "");
      if (isIP(before) === 0) break;
      client = before;
    }
    return client;
  }

  /**
   * The origin in the URL that the client used.
   * @param secure whether the server itself speaks TLS.
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

  #report(proxy: string): void {
    if (this.#hasReported || !isLocalNetwork(proxy)) return;
    this.#hasReported = true;
    this.#onUntrusted(proxy);
  }
}

function familyOf(ip: string): "ipv4" | "ipv6" {
  return isIP(ip) === 6 ? "ipv6" : "ipv4";
}

function listOf(header: string | string[] | undefined): string[] {
  const text = Array.isArray(header) ? header.join(",") : (header ?? "");
  return text.split(",").flatMap((one) => one.trim() || []);
}

/** Whether the address is of loopback or a private network (RFC 1918, RFC 4193), where people run their own proxies. */
function isLocalNetwork(ip: string): boolean {
  return /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|::1$|f[cd])/i.test(ip);
}
