/** Reads the lab's address: `/lab/NAME`, or `/lab` for the stream `main`, after a prefix that a proxy may add. */
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
