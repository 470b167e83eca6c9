/** The routes that make and revoke share links. */
import type { Express } from "express";
import type { Guard } from "../access/guard.ts";
import { linksOf, revokeLinks } from "../access/links.ts";
import { senderOf } from "../access/proxies.ts";
import { isOwnMachine } from "../network/ip.ts";
import { originOf } from "../network/machine-addresses.ts";
import { sendText } from "./answers.ts";
import type { Permissions } from "./permissions.ts";

/** What the share routes need. */
export interface ShareNeeds {
  readonly guard: Pick<Guard, "access" | "links" | "proxies">;
  readonly permissions: Permissions;
  /** The names and addresses by which other machines reach the server, the best first. */
  readonly reachable: () => readonly string[];
  /** Whether the server itself speaks TLS. */
  readonly secure: boolean;
}

/** Adds the routes that make and revoke share links. */
export function addShareRoutes(app: Express, { guard, permissions, reachable, secure }: ShareNeeds): void {
  app.post("/streams/:name/share", async (request, response) => {
    const { name } = request.params;
    const rights = await guard.access.rightsOf(permissions.asker(request), name);
    // The holder of a view token must not give more than that.
    const verdict = "control" in request.query ? rights.operate : rights.share;
    if (!verdict.granted) return permissions.refuse(response, verdict);
    const origin = guard.proxies.originOf(senderOf(request), secure);
    // Other machines cannot open a link to localhost: it comes last.
    const isLocalhost = URL.canParse(origin) && isOwnMachine(new URL(origin).hostname);
    const names = isLocalhost ? reachable().filter((one) => !isOwnMachine(one)) : [];
    const others = names.map((one) => originOf(one, request.socket.localPort ?? 0, secure));
    const [best = origin, ...rest] = [...new Set([...others, origin])];
    const links = await linksOf(guard.access, [best, ...rest], name, request.query);
    response.set("Cache-Control", "no-store").json(links);
  });
  app.post("/shares/revoke", permissions.may<object>("operate"), async (request, response) => {
    const { lasts, message } = await revokeLinks(guard.links, request.query);
    sendText(response, lasts ? 200 : 500, message);
  });
}
