/** The stream's name in a page's address: `/watch/NAME`, `/embed/NAME`, `/?stream=NAME`, or `main`. */
export function streamOf(address: { readonly pathname: string; readonly search: string }): string {
  const watched = /\/(?:watch|embed)\/([^/]+)\/?$/.exec(address.pathname)?.[1];
  try {
    if (watched) return decodeURIComponent(watched);
  } catch {
    // Not an address this page gave out.
  }
  return new URLSearchParams(address.search).get("stream") || "main";
}
