/**
 * Which web pages may show the streams. A page of any site runs in the browsers of its visitors, which may reach what
 * the site itself cannot: so a page is let in only where it comes from this server's own host or the visitor's own
 * machine, or where the user has named its origin.
 */
import type { IncomingHttpHeaders } from "node:http";
import { isOwnMachine } from "../network/ip.ts";

/**
 * Whether a page of `origin` may show the streams of the server that it calls `host` (both as the request's headers
 * have them). Programs send no origin, browsers always do where the page is of another one (RFC 6455, section 10.2;
 * Fetch, section 3.2).
 * @param allowed origins that the user has named; `*` is all of them.
 */
export function mayEmbed(
  origin: string | undefined,
  host: string | undefined,
  allowed: readonly string[],
): boolean {
  if (origin === undefined || allowed.includes("*") || allowed.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  const { hostname } = new URL(origin);
  return (
    isOwnMachine(hostname) ||
    (URL.canParse(`http://${host}`) && new URL(`http://${host}`).hostname === hostname)
  );
}

/** What a page may load of another site without a word of its origin: it shows a picture, and reads nothing of it. */
const SHOWN = ["image", "document"];

/**
 * Why the page that sends a request may not have what is of the streams: a sentence for whoever embeds the player.
 * Undefined where it may, and where no page sends it. Not every request of a page says its origin, such as that for a
 * script; then `Sec-Fetch-Site` tells whether the page is of another one (Fetch Metadata, section 2.3).
 * @param options.pictures whether the page may show the answer as a picture, or open it as a page of its own.
 */
export function pageRefusal(
  headers: IncomingHttpHeaders,
  allowed: readonly string[],
  { pictures }: { readonly pictures: boolean },
): string | undefined {
  const { origin, host } = headers;
  if (origin !== undefined) return mayEmbed(origin, host, allowed) ? undefined : embedRefusal(origin);
  const { "sec-fetch-site": site = "none", "sec-fetch-dest": use } = headers;
  if (site === "none" || site === "same-origin" || allowed.includes("*")) return undefined;
  if (pictures && SHOWN.includes(String(use))) return undefined;
  return "This server does not let pages of other sites load this so: use the player, an <img>, or a request with CORS.";
}

/** What the page is told that may not, a sentence for whoever embeds the player. */
export function embedRefusal(origin: string): string {
  return `This server does not let pages of ${origin} show its streams: start it with --embed-from ${origin}.`;
}
