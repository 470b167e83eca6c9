/**
 * Which web pages may show the streams. A page runs in its visitor's browser, which may reach servers that the page's
 * site cannot. So only pages of this server's host, of the visitor's own machine, and of named origins are allowed.
 */
import type { IncomingHttpHeaders } from "node:http";
import { isOwnMachine } from "../network/ip.ts";

/**
 * Whether a page of `origin` may show the streams. Programs send no origin; browsers send it for every page of another
 * origin (RFC 6455, section 10.2; Fetch, section 3.2).
 * @param host the request's `Host`.
 * @param allowed the origins of `--embed-from`; `*` allows all.
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

/** Values of `Sec-Fetch-Dest` for requests whose answer a page can show, but not read. */
const SHOWN_ONLY = ["image", "document"];

/**
 * Why the page that sends the request may not show streams, as a sentence for the page's developer; undefined if it
 * may, or if no page sends it. Some requests of pages have no origin, such as those for scripts. For these,
 * `Sec-Fetch-Site` says whether the page is of another site (Fetch Metadata, section 2.3).
 * @param options.pictures whether any page may show the answer as a picture, or open it as a document.
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
  if (pictures && SHOWN_ONLY.includes(String(use))) return undefined;
  return "This server does not let pages of other sites load this as a script or style. Use the player, an <img>, or a request with CORS.";
}

/** The refusal of a page of the origin, as a sentence for the page's developer. */
export function embedRefusal(origin: string): string {
  return `This server does not let pages of ${origin} show its streams. Start rendercast with --embed-from ${origin}.`;
}
