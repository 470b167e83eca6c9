/**
 * Which web pages may show the streams. A page of any site runs in the browsers of its visitors, which may reach what
 * the site itself cannot: so a page is let in only where it comes from this server's own host or the visitor's own
 * machine, or where the user has named its origin.
 */

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

/** What the page is told that may not, a sentence for whoever embeds the player. */
export function embedRefusal(origin: string): string {
  return `This server does not let pages of ${origin} show its streams: start it with --embed-from ${origin}.`;
}

/** Whether a URL's host name is that of the machine that calls it so. */
export function isOwnMachine(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127(\.\d+){3}$/.test(hostname)
  );
}
