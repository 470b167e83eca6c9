/**
 * The names that a browser may call this server by. A site can have a name of its own mean this server's address (DNS
 * rebinding): its page is then of the same origin as the server, and reads all that needs no token.
 */

import { isIP } from "node:net";
import { hostname } from "node:os";
import { isOwnMachine } from "../network/ip.ts";
import type { Asker } from "./asker.ts";
import type { Proxies } from "./proxies.ts";

/** What local networks add to a machine's name, and nobody can register (RFC 6762, RFC 8375; ICANN for `internal`). */
const LOCAL_DOMAINS = ["local", "lan", "localdomain", "home.arpa", "internal"];

export interface HostOptions {
  /** Names besides the machine's own; `*.example.com` is all below that, and `*` every one. */
  readonly names: readonly string[];
  readonly proxies: Proxies;
  /** The machine's own name; only tests pass theirs. */
  readonly machine?: () => string;
}

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
   * Why who asks is not to be answered by the name that they call the server by, in a sentence; undefined where the name
   * is the server's, or no other site's page can have sent the request.
   */
  refusal(asker: Asker): string | undefined {
    if (asker.local || this.#names.includes("*") || isProved(asker)) return undefined;
    // The joined server that passed the request on has checked the name: it may be that server's own.
    if (this.#proxies.isVouched(asker.headers)) return undefined;
    const strange = this.#calledBy(asker).find((name) => !this.#has(name));
    if (strange === undefined) return undefined;
    const shown = /^[a-z0-9._-]{1,253}$/.test(strange) ? strange : "NAME";
    return `This server does not know the name it is called by: open it by its IP address, or start it with --public-host ${shown}.`;
  }

  /** A page cannot set `Host`, and could set `X-Forwarded-Host`: so that is no substitute, and both must be known. */
  #calledBy({ headers, address }: Asker): string[] {
    const { host, "x-forwarded-host": forwarded } = headers;
    const before = this.#proxies.has(address) ? String(forwarded ?? "").split(",") : [];
    return [host ?? "", ...before].map((one) => plain(withoutPort(one.trim()))).filter((name) => name !== "");
  }

  #has(name: string): boolean {
    // No name, so that no DNS has said what it means.
    if (isIP(name) !== 0 || isOwnMachine(name)) return true;
    const own = plain(this.#machine());
    const [short = own] = own.split(".");
    if (name === own || name === short) return true;
    if (LOCAL_DOMAINS.some((domain) => name === `${short}.${domain}`)) return true;
    return this.#names.some((one) => one === name || (one.startsWith("*.") && name.endsWith(one.slice(1))));
  }
}

/**
 * Whether TLS has proved the name to the browser, here or at a proxy: a rebound name has no certificate there. Browsers
 * send `Sec-Fetch-Site` over TLS and to `localhost` alone, and let no page set it (Fetch Metadata, section 2). Some
 * leave it out of WebSockets, which a page that came by TLS opens by TLS alone (Mixed Content, section 5.3).
 */
function isProved({ secure, headers }: Asker): boolean {
  const { "sec-fetch-site": site, origin = "", upgrade } = headers;
  return secure || site !== undefined || (upgrade !== undefined && origin.startsWith("https:"));
}

function withoutPort(host: string): string {
  return host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1");
}

/** In small letters, and without the root's dot. */
function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
