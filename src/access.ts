/** Who may publish: this machine, and whoever has the token. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** What lets publishers in from anywhere. */
export interface PublishTokens {
  /** The one that the user has set; undefined where there is none. */
  readonly publish: string | undefined;
  /** The one that this server hands to the Blender it starts; undefined where it starts none. */
  readonly own: string | undefined;
}

/**
 * `token`: granted, by the token. `own`: granted, to the Blender that this server has started. `here`: granted, to
 * this machine. `missing`: from elsewhere, without a token. `wrong`: with another one or other credentials, or the
 * server has none.
 */
export type Access = "token" | "own" | "here" | "missing" | "wrong";

/** What proxies add to a request, and browsers to that of a web page. */
const PASSED_ON =
  /^(x-forwarded|x-real-ip$|x-client-ip$|x-cluster-client-ip$|x-original-|x-envoy-|cf-|cdn-loop$|fastly-|true-client-ip$|forwarded$|via$|origin$|sec-fetch-site$)/;

/**
 * Whether the request may publish. From this machine it needs no token; but a request that a proxy passed on, or
 * that a web page sent, counts as from elsewhere. So does one over TCP that is addressed to another name than this
 * machine has for itself: a proxy may leave the name by which its own clients know it.
 * @param tokens where the server has none, nobody from elsewhere may.
 * @param local whether it came over the Unix socket.
 * @param name what the server was told to listen on.
 */
export function mayPublish(
  { socket, headers, httpVersion }: IncomingMessage,
  { publish, own }: PublishTokens,
  local: boolean,
  name?: string,
): Access {
  if (headers.authorization !== undefined) {
    const given = /^Bearer (.+)$/i.exec(headers.authorization)?.[1];
    if (given === undefined) return "wrong";
    if (own !== undefined && sameSecret(given, own)) return "own";
    return publish !== undefined && sameSecret(given, publish) ? "token" : "wrong";
  }
  if (Object.keys(headers).some((header) => PASSED_ON.test(header))) return "missing";
  // No publisher speaks HTTP/1.0, which cannot stream; proxies do, to the servers behind them.
  if (httpVersion === "1.0") return "missing";
  if (local) return "here";
  return isLoopback(socket.remoteAddress) && isOwnName(headers.host, name) ? "here" : "missing";
}

/** Whether the `Host` names this machine as only itself does. */
function isOwnName(host = "", name: string | undefined): boolean {
  const addressed = host
    .toLowerCase()
    .replace(/:\d*$/, "")
    .replace(/^\[(.*)\]$/, "$1");
  return addressed === "localhost" || addressed === name?.toLowerCase() || isLoopback(addressed);
}

/**
 * Whether a TCP connection comes from this machine. One without an address does not: it may have been reset by
 * anybody before its request was read.
 */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (/^(::ffff:)?127(\.\d+){3}$/.test(address) || address === "::1");
}

/** What a publisher is told that has no token, or a wrong one: a sentence for programmers and add-on users alike. */
export function refusalOf(access: "missing" | "wrong", { publish }: PublishTokens): string {
  const how = "give it as Token in the add-on, or as the header Authorization: Bearer TOKEN";
  if (publish === undefined) {
    return `Publishing from elsewhere, or to another name than localhost, takes a token, which this server has not: start rendercast with --publish-token TOKEN, then ${how}.`;
  }
  if (access === "wrong")
    return "That is not this server's publish token: give the one of its --publish-token.";
  return `Publishing from elsewhere, or to another name than localhost, takes the token of this server's --publish-token: ${how}.`;
}

/** Takes as long whether or where they differ. */
function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
