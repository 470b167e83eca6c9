/** Has the server make links. */
import { bearer, rightsTo } from "../common/token.ts";
import type { ShareLinks } from "./links.ts";

/**
 * Links for a day, with a token where viewers need one; undefined where the server makes none for that token.
 * @param control whether they also let their holder turn the camera.
 */
export async function madeLinks(
  stream: string,
  token: string,
  control = false,
): Promise<ShareLinks | undefined> {
  const path = `/streams/${encodeURIComponent(stream)}/share${control ? "?control" : ""}`;
  const made = await fetch(path, { method: "POST", headers: bearer(token) }).catch(() => undefined);
  return made?.ok ? made.json() : undefined;
}

/**
 * What to watch the stream with: the page's own token, or one that is made where the browser may make links without one;
 * empty where there is none, or none is needed.
 */
export async function tokenToView(stream: string, token: string): Promise<string> {
  if (token !== "") return token;
  const rights = await rightsTo(stream, token);
  if (rights.includes("view") || !rights.includes("share")) return "";
  return (await madeLinks(stream, token))?.token ?? "";
}
