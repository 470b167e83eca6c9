/** The stream's name in the page's address: `/watch/NAME`, `/?stream=NAME`, or `main`. */
export function streamOf(address: { readonly pathname: string; readonly search: string }): string {
  const watched = /\/watch\/([^/]+)\/?$/.exec(address.pathname)?.[1];
  try {
    if (watched) return decodeURIComponent(watched);
  } catch {
    // Not an address this page gave out.
  }
  return new URLSearchParams(address.search).get("stream") || "main";
}
