/** What browsers are told to keep pages from, should one ever be tricked. */

/**
 * Of every answer, whatever it is. A browser takes it for nothing but what it is said to be, so that no other site's page
 * runs it as a script, and hands it to no such page that does not ask by CORS (Fetch, sections 3.6 and 3.7).
 */
export const ANSWER_HEADERS = {
  "X-Content-Type-Options": "nosniff",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
} as const;

/** Of what pages of other sites may show, though not read. */
export const SHOWN_ANYWHERE = { "Cross-Origin-Resource-Policy": "cross-origin" } as const;

/** Of what is no page: nobody else has it in a frame. */
export const DATA_HEADERS = { "Content-Security-Policy": "frame-ancestors 'self'" } as const;

const HOST = /^[A-Za-z0-9.:[\]-]{1,255}$/;

/** What browsers take for a secure origin (Secure Contexts, section 3.1). */
const TRUSTWORTHY = /^https:|^http:\/\/(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/;

/**
 * The headers of a page (CSP level 3). Only what the server itself serves is loaded and run, and nothing inline.
 * @param host the request's, for the WebSocket: not every browser counts that as the page's own.
 * @param origin of the page. Browsers complain of some headers over plain HTTP, unless from their own machine.
 * @param embeddable whether other sites may have it in a frame.
 */
export function pageHeaders(
  host: string | undefined,
  origin: string,
  embeddable: boolean,
): Record<string, string> {
  const sockets = host !== undefined && HOST.test(host) ? ` ws://${host} wss://${host}` : "";
  const policy = {
    "default-src": "'self'",
    "connect-src": `'self'${sockets}`,
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": embeddable ? "*" : "'self'",
  };
  return {
    "Content-Security-Policy": Object.entries(policy)
      .map(([directive, sources]) => `${directive} ${sources}`)
      .join("; "),
    ...(TRUSTWORTHY.test(origin) && { "Cross-Origin-Opener-Policy": "same-origin" }),
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
  };
}
