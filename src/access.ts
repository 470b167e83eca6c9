/** Who may publish: this machine, and whoever has the token. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** `missing`: from elsewhere, without a token. `wrong`: with another one, or the server has none. */
export type Access = "granted" | "missing" | "wrong";

/**
 * Whether the request may publish. From this machine it needs no token; but a request that a proxy passed on, or
 * that a web page sent, counts as from elsewhere.
 * @param token the server's; undefined where it has none, and then nobody from elsewhere may.
 */
export function mayPublish({ socket, headers }: IncomingMessage, token: string | undefined): Access {
  const given = /^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1];
  if (given !== undefined) return token !== undefined && sameSecret(given, token) ? "granted" : "wrong";
  const passedOn = ["x-forwarded-for", "forwarded", "via", "origin"].some((name) => name in headers);
  return !passedOn && isThisMachine(socket.remoteAddress) ? "granted" : "missing";
}

/** Whether a connection comes from this machine; one over a Unix socket has no address. */
export function isThisMachine(address: string | undefined): boolean {
  return address === undefined || /^(::ffff:)?127\./.test(address) || address === "::1";
}

/** Takes as long whether or where they differ. */
function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
