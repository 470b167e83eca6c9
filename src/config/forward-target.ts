/** Parses the targets of `--forward`. */
import { isIPv6 } from "node:net";

/** A server to send a stream to. */
export type Target =
  /** Plain RTP over UDP. RTCP uses the next port (RFC 3550, section 11). */
  | { readonly kind: "rtp"; readonly host: string; readonly port: number }
  /** A WHIP endpoint (RFC 9725). */
  | { readonly kind: "whip"; readonly url: string };

/** Reads `rtp://HOST:PORT` or `whip+https://…` (or `whip+http`); undefined for anything else. */
export function readTarget(text: string): Target | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(text);
  // A URL must not hold secrets: the other server may log it.
  if (username !== "" || password !== "" || hash !== "" || hostname === "") return undefined;
  if (protocol === "whip+https:" || protocol === "whip+http:")
    return { kind: "whip", url: text.replace(/^whip\+/i, "") };
  const number = Number(port);
  if (protocol !== "rtp:" || port === "" || number < 1 || number > 65_534) return undefined;
  if (!["", "/"].includes(pathname) || search !== "") return undefined;
  const bare = hostname.replace(/^\[(.*)\]$/, "$1");
  return { kind: "rtp", host: isIPv6(bare) ? bare : hostname, port: number };
}
