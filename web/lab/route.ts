/** What the lab's address says: `/lab/NAME`, or `/lab` for the stream `main`; behind what a proxy may have put before. */
export function labOf({ pathname }: { readonly pathname: string }): {
  readonly prefix: string;
  readonly stream: string;
} {
  const [, prefix = "", name = ""] = /^(.*)\/lab(?:\/([^/]+))?\/?$/.exec(pathname) ?? [];
  try {
    return { prefix, stream: decodeURIComponent(name) || "main" };
  } catch {
    return { prefix, stream: name };
  }
}
