/** The view token. Links carry it behind the `#`, which browsers never send. */

/** The token in the address; empty if there is none. */
export function tokenOf({ hash }: { readonly hash: string }): string {
  return new URLSearchParams(hash.slice(1)).get("token") ?? "";
}

/** The headers of a request with the token. */
export function bearer(token: string): Record<string, string> {
  return token === "" ? {} : { Authorization: `Bearer ${token}` };
}

/** The rights to the stream that this token, or this machine, has; none if the server does not answer. */
export async function rightsTo(stream: string, token: string): Promise<readonly string[]> {
  const path = `/streams/${encodeURIComponent(stream)}/rights`;
  const answer = await fetch(path, { headers: bearer(token) }).catch(() => undefined);
  return answer?.ok ? answer.json() : [];
}

/**
 * A token with this right: the page's own, or the empty one if the browser runs on the server's machine, which needs
 * none; undefined if neither has the right.
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
