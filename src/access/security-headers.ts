/** Response headers that limit what a page can do, should an attacker ever control a part of it. */

/**
 * Headers of every response. Browsers do not guess its type, so that no page of another site runs it as a script, and
 * give it to such a page only by CORS (Fetch, sections 3.6 and 3.7).
 */
export const ANSWER_HEADERS = {
  "X-Content-Type-Options": "nosniff",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
} as const;

/** Headers of what pages of other sites may show, but not read. */
export const SHOWN_ANYWHERE = { "Cross-Origin-Resource-Policy": "cross-origin" } as const;

/** Headers of responses that are not pages: other sites cannot put them in a frame. */
export const DATA_HEADERS = { "Content-Security-Policy": "frame-ancestors 'self'" } as const;

const HOST = /^[A-Za-z0-9.:[\]-]{1,255}$/;

/** Origins that browsers treat as secure (Secure Contexts, section 3.1). */
const SECURE_ORIGIN = /^https:|^http:\/\/(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/;

/**
 * The headers of a page (CSP level 3): it loads and runs only what the server itself serves, and nothing inline.
 * @param host the request's `Host`, for the WebSocket: not every browser counts that as `'self'`.
 * @param origin the page's origin. Browsers warn about some headers over plain HTTP, except from localhost.
 * @param embeddable whether other sites may put the page in a frame.
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
    ...(SECURE_ORIGIN.test(origin) && { "Cross-Origin-Opener-Policy": "same-origin" }),
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
  };
}
