/** Who may publish: this machine, and whoever has the token. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/**
 * `token`: granted, by the token. `here`: granted, to this machine. `missing`: from elsewhere, without a token.
 * `wrong`: with another one, or the server has none.
 */
export type Access = "token" | "here" | "missing" | "wrong";

/**
 * Whether the request may publish. From this machine it needs no token; but a request that a proxy passed on, or
 * that a web page sent, counts as from elsewhere.
 * @param token the server's; undefined where it has none, and then nobody from elsewhere may.
 * @param local whether it came over the Unix socket.
 */
export function mayPublish(
  { socket, headers }: IncomingMessage,
  token: string | undefined,
  local: boolean,
): Access {
  const given = /^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1];
  if (given !== undefined) return token !== undefined && sameSecret(given, token) ? "token" : "wrong";
  const passedOn = ["x-forwarded-for", "forwarded", "via", "origin"].some((name) => name in headers);
  return !passedOn && (local || isLoopback(socket.remoteAddress)) ? "here" : "missing";
}

/**
 * Whether a TCP connection comes from this machine. One without an address does not: it may have been reset by
 * anybody before its request was read.
 */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (/^(::ffff:)?127\./.test(address) || address === "::1");
}

/** Takes as long whether or where they differ. */
function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
