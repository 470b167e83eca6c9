/** The token to watch with: links carry it behind the `#`, which browsers send to nobody. */

/** Empty where the address has none. */
export function tokenOf({ hash }: { readonly hash: string }): string {
  return new URLSearchParams(hash.slice(1)).get("token") ?? "";
}

/** The headers of a request that brings it. */
export function bearer(token: string): Record<string, string> {
  return token === "" ? {} : { Authorization: `Bearer ${token}` };
}
