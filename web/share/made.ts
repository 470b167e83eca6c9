/** Has the server make links. */
import { bearer } from "../token.ts";
import type { ShareLinks } from "./links.ts";

/** Links for a day, with a token where viewers need one; undefined where the server makes none for that token. */
export async function madeLinks(stream: string, token: string): Promise<ShareLinks | undefined> {
  const path = `/streams/${encodeURIComponent(stream)}/share`;
  const made = await fetch(path, { method: "POST", headers: bearer(token) }).catch(() => undefined);
  return made?.ok ? made.json() : undefined;
}
