/** Whether a request comes from this machine itself: no token is asked of its programs. */
import type { IncomingHttpHeaders } from "node:http";
import { isLoopback } from "../network/ip.ts";

/** What a request says of where it comes from. */
export interface Origin {
  readonly headers: IncomingHttpHeaders;
  readonly httpVersion: string;
  /** The other end of its connection; undefined where that has none. */
  readonly address: string | undefined;
  /** Whether it came over the Unix socket. */
  readonly local: boolean;
}

/** What proxies add to a request. */
const PASSED_ON =
  /^(x-forwarded|x-real-ip$|x-client-ip$|x-cluster-client-ip$|x-original-|x-envoy-|cf-|cdn-loop$|fastly-|true-client-ip$|forwarded$|via$|rendercast-passed-on$)/;

/**
 * Whether it comes from a program on this machine. A request that a proxy passed on, or that a web page sent, counts
 * as from elsewhere. So does one over TCP that is addressed to another name than this machine has for itself: a proxy
 * may leave the name by which its own clients know it.
 * @param name what the server was told to listen on.
 */
export function isHere(origin: Origin, name?: string): boolean {
  const { headers } = origin;
  return headers.origin === undefined && headers["sec-fetch-site"] === undefined && isLocal(origin, name);
}

/**
 * As {@link isHere}, and also from a browser on this machine: from the server's own pages there, or from what was
 * typed as an address.
 */
export function isHereOrOwnPage(origin: Origin, name?: string): boolean {
  const { headers } = origin;
  const site = headers["sec-fetch-site"] ?? "same-origin";
  const isOwn = headers.origin === undefined || isSameOrigin(headers.origin, headers.host);
  return isOwn && (site === "same-origin" || site === "none") && isLocal(origin, name);
}

function isLocal({ headers, httpVersion, address, local }: Origin, name: string | undefined): boolean {
  if (Object.keys(headers).some((header) => PASSED_ON.test(header))) return false;
  // No publisher speaks HTTP/1.0, which cannot stream; proxies do, to the servers behind them.
  if (httpVersion === "1.0") return false;
  return local || (isLoopback(address) && isOwnName(headers.host, name));
}

/** Whether a page of this origin was served by this host. */
export function isSameOrigin(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host;
}

/** Whether the `Host` names this machine as only itself does. */
function isOwnName(host = "", name: string | undefined): boolean {
  const addressed = host
    .toLowerCase()
    .replace(/:\d*$/, "")
    .replace(/^\[(.*)\]$/, "$1");
  return addressed === "localhost" || addressed === name?.toLowerCase() || isLoopback(addressed);
}
