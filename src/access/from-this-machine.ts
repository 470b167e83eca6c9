/** Detects requests from programs or pages on this machine. `trust-this-machine.ts` has the rights that these get. */
import type { IncomingHttpHeaders } from "node:http";
import { isLoopback } from "../network/ip.ts";

/** Where a request comes from. */
export interface Origin {
  readonly headers: IncomingHttpHeaders;
  readonly httpVersion: string;
  /** The remote address of the connection; undefined if it has none. */
  readonly address: string | undefined;
  /** Whether the request came over the Unix socket. */
  readonly local: boolean;
}

/** Headers that proxies add. */
const PROXY_HEADERS =
  /^(x-forwarded|x-real-ip$|x-client-ip$|x-cluster-client-ip$|x-original-|x-envoy-|cf-|cdn-loop$|fastly-|true-client-ip$|forwarded$|via$|rendercast-passed-on$)/;

/**
 * Whether the request comes from a program on this machine: not through a proxy, and not from a web page. Over TCP, its
 * `Host` must also be a name that only this machine uses, since some proxies keep the name that their clients used.
 * @param name the address that the server listens on.
 */
export function isHere(origin: Origin, name?: string): boolean {
  const { headers } = origin;
  return headers.origin === undefined && headers["sec-fetch-site"] === undefined && isLocal(origin, name);
}

/** Like {@link isHere}, but also true for a browser on this machine that shows the server's own page or a typed URL. */
export function isHereOrOwnPage(origin: Origin, name?: string): boolean {
  const { headers } = origin;
  const site = headers["sec-fetch-site"] ?? "same-origin";
  const isOwn = headers.origin === undefined || isSameOrigin(headers.origin, headers.host);
  return isOwn && (site === "same-origin" || site === "none") && isLocal(origin, name);
}

function isLocal({ headers, httpVersion, address, local }: Origin, name: string | undefined): boolean {
  if (Object.keys(headers).some((header) => PROXY_HEADERS.test(header))) return false;
  // HTTP/1.0 has no chunked bodies, so no publisher uses it. Some proxies do.
  if (httpVersion === "1.0") return false;
  return local || (isLoopback(address) && isOwnName(headers.host, name));
}

/** Whether the host serves the origin. */
export function isSameOrigin(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host;
}

/** Whether the `Host` is a name that only this machine itself uses. */
function isOwnName(host = "", name: string | undefined): boolean {
  const addressed = host
    .toLowerCase()
    .replace(/:\d*$/, "")
    .replace(/^\[(.*)\]$/, "$1");
  return addressed === "localhost" || addressed === name?.toLowerCase() || isLoopback(addressed);
}
