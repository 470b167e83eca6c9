/** Share links: each carries a token that lets its holder watch one stream for a limited time. */

import { z } from "zod";
import type { EpochMs, Millis } from "../base/clock.ts";
import { STREAM_NAME, STREAM_NAME_RULE } from "../base/stream-name.ts";
import type { Access } from "./access.ts";
import { type LinkSigner, linkId, MAX_LINK_LIFETIME } from "./link-signer.ts";

/** The request to make or revoke a link is not valid. The message says what to change. */
export class LinkError extends Error {}

/** What `POST /streams/NAME/share` answers. */
export interface Links {
  /** The viewer page. Its token follows the `#`, which browsers send to no server. */
  readonly link: string;
  /** MJPEG for an `<img>`, which can send a token only in the URL. */
  readonly image: string;
  /** For the `Authorization` header, or the socket's handshake; absent if anybody may watch. */
  readonly token?: string;
  /** Identifies the link, to revoke it; absent if anybody may watch. */
  readonly id?: string;
  /** When the links expire, in ISO 8601; absent if they do not. */
  readonly expires?: string;
  /** The same page at the server's other addresses, the best first. */
  readonly alternatives: readonly string[];
}

const HOUR: Millis = 3_600_000;
const MAX_HOURS = MAX_LINK_LIFETIME / HOUR;

const shareQuery = z.object({
  hours: z.coerce.number().positive().max(MAX_HOURS).default(24),
  control: z.literal("").optional(),
});

/**
 * Makes links to a stream, which need not exist yet.
 * @param servers the origins by which viewers reach the server, the best first.
 * @param query the request's query: `hours` until the links expire, 24 by default; `control` for links that also let
 * their holder control the stream.
 * @throws {LinkError}
 */
export async function linksOf(
  access: Access,
  servers: readonly [string, ...string[]],
  stream: string,
  query: unknown,
): Promise<Links> {
  const parsed = shareQuery.safeParse(query);
  if (parsed.error?.issues.some(({ path }) => path[0] === "control"))
    throw new LinkError("control has no value: write ?control, or leave it out.");
  if (!parsed.success)
    throw new LinkError(`hours is a number above 0, and at most ${MAX_HOURS}, such as ?hours=8.`);
  if (!STREAM_NAME.test(stream)) throw new LinkError(`A stream's name is ${STREAM_NAME_RULE}.`);
  const name = encodeURIComponent(stream);
  const [best, ...others] = servers;
  const page = (server: string, fragment = "") => `${server}/watch/${name}${fragment}`;
  const image = `${best}/streams/${name}/mjpeg`;
  const isToControl = parsed.data.control !== undefined;
  if (access.isOpen && !isToControl)
    return { link: page(best), image, alternatives: others.map((server) => page(server)) };
  const { token, id, until } = await access.share(stream, parsed.data.hours * HOUR, isToControl);
  const fragment = `#token=${token}`;
  return {
    link: page(best, fragment),
    image: `${image}?token=${token}`,
    token,
    id,
    expires: isoOf(until),
    alternatives: others.map((server) => page(server, fragment)),
  };
}

const revokeQuery = z.object({ id: linkId.optional() });

/**
 * Revokes the link with the `id` in the query, or all links if there is none. Their viewers are disconnected.
 * @returns a sentence that says what happened, and whether it survives a restart.
 * @throws {LinkError}
 */
export async function revokeLinks(
  links: LinkSigner,
  query: unknown,
): Promise<{ readonly lasts: boolean; readonly message: string }> {
  const parsed = revokeQuery.safeParse(query);
  if (!parsed.success)
    throw new LinkError(
      "id is the one that POST /streams/NAME/share answered with. Leave it out to revoke all links.",
    );
  const { id } = parsed.data;
  const lasts = id === undefined ? await links.revokeAll() : await links.revoke(id);
  if (lasts === undefined) throw new LinkError("Too many links were revoked one by one. Revoke all of them.");
  const what = id === undefined ? "All links have ended" : "The link has ended";
  return lasts
    ? { lasts, message: `${what}.` }
    : {
        lasts,
        message: `${what} until this server restarts, because it could not store that. Read its log, then try again.`,
      };
}

function isoOf(at: EpochMs): string {
  return new Date(at).toISOString();
}
