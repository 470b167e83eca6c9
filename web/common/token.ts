/** The token to watch with: links carry it behind the `#`, which browsers send to nobody. */

/** Empty where the address has none. */
export function tokenOf({ hash }: { readonly hash: string }): string {
  return new URLSearchParams(hash.slice(1)).get("token") ?? "";
}

/** The headers of a request that brings it. */
export function bearer(token: string): Record<string, string> {
  return token === "" ? {} : { Authorization: `Bearer ${token}` };
}

/** What the server lets us do with the stream; nothing where it does not answer. */
export async function rightsTo(stream: string, token: string): Promise<readonly string[]> {
  const path = `/streams/${encodeURIComponent(stream)}/rights`;
  const answer = await fetch(path, { headers: bearer(token) }).catch(() => undefined);
  return answer?.ok ? answer.json() : [];
}

/**
 * What to do that with: the page's own token, or none where the browser is on the server's machine, which may without;
 * undefined where neither lets us.
 */
export async function tokenTo(
  right: "operate" | "share",
  stream: string,
  token: string,
): Promise<string | undefined> {
  for (const one of new Set([token, ""])) {
    if ((await rightsTo(stream, one)).includes(right)) return one;
  }
  return undefined;
}
