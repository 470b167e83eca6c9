/**
 * The names that this server answers to. A site can point a name of its own at this server's address (DNS rebinding):
 * its page then has the server's origin, and could read all that needs no token.
 */

import { isIP } from "node:net";
import { hostname } from "node:os";
import { isOwnMachine } from "../network/ip.ts";
import type { Asker } from "./asker.ts";
import type { Proxies } from "./proxies.ts";

/** Domains of local networks, which nobody can register (RFC 6762, RFC 8375; ICANN for `internal`). */
const LOCAL_DOMAINS = ["local", "lan", "localdomain", "home.arpa", "internal"];

/** What {@link Hosts} needs. */
export interface HostOptions {
  /** Names besides the machine's own. `*.example.com` stands for all its subdomains, `*` for any name. */
  readonly names: readonly string[];
  readonly proxies: Proxies;
  /** Returns the machine's own name; replaced in tests. */
  readonly machine?: () => string;
}

/** Checks the `Host` of requests. */
export class Hosts {
  readonly #names: readonly string[];
  readonly #proxies: Proxies;
  readonly #machine: () => string;

  constructor({ names, proxies, machine = hostname }: HostOptions) {
    this.#names = names.map(plain);
    this.#proxies = proxies;
    this.#machine = machine;
  }

  /**
   * Why the request's `Host` is refused, in a sentence; undefined if the name is the server's, or if no page of another
   * site can have sent the request.
   */
  refusal(asker: Asker): string | undefined {
    if (asker.local || this.#names.includes("*") || isProved(asker)) return undefined;
    // The joined server that passed the request on checked the name, which may be that server's own.
    if (this.#proxies.isVouched(asker.headers)) return undefined;
    const unknown = this.#calledBy(asker).find((name) => !this.#has(name));
    if (unknown === undefined) return undefined;
    const shown = /^[a-z0-9._-]{1,253}$/.test(unknown) ? unknown : "NAME";
    return `This server does not answer to the host name in the URL. Use its IP address, or start rendercast with --public-host ${shown}.`;
  }

  /** The names in `Host` and, from a trusted proxy, `X-Forwarded-Host`. Pages can set the latter, so both must be known. */
  #calledBy({ headers, address }: Asker): string[] {
    const { host, "x-forwarded-host": forwarded } = headers;
    const before = this.#proxies.has(address) ? String(forwarded ?? "").split(",") : [];
    return [host ?? "", ...before].map((one) => plain(withoutPort(one.trim()))).filter((name) => name !== "");
  }

  #has(name: string): boolean {
    // An address does not depend on DNS.
    if (isIP(name) !== 0 || isOwnMachine(name)) return true;
    const own = plain(this.#machine());
    const [short = own] = own.split(".");
    if (name === own || name === short) return true;
    if (LOCAL_DOMAINS.some((domain) => name === `${short}.${domain}`)) return true;
    return this.#names.some((one) => one === name || (one.startsWith("*.") && name.endsWith(one.slice(1))));
  }
}

/**
 * Whether TLS proved the name, here or at a proxy: a rebound name has no certificate. Browsers send `Sec-Fetch-Site`
 * only over TLS and to `localhost`, and no page can set it (Fetch Metadata, section 2). Some omit it for WebSockets,
 * but an HTTPS page can open only secure ones (Mixed Content, section 5.3).
 */
function isProved({ secure, headers }: Asker): boolean {
  const { "sec-fetch-site": site, origin = "", upgrade } = headers;
  return secure || site !== undefined || (upgrade !== undefined && origin.startsWith("https:"));
}

function withoutPort(host: string): string {
  return host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1");
}

/** In lower case, without the dot of the DNS root. */
function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
