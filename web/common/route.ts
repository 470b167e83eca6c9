/** The stream in a page's address: `/watch/NAME`, `/embed/NAME` or `/?stream=NAME`; otherwise `main`. */
export function streamOf(address: { readonly pathname: string; readonly search: string }): string {
  const watched = /\/(?:watch|embed)\/([^/]+)\/?$/.exec(address.pathname)?.[1];
  try {
    if (watched) return decodeURIComponent(watched);
  } catch {
    // Invalid percent-encoding: no address that this page has made.
  }
  return new URLSearchParams(address.search).get("stream") || "main";
}
