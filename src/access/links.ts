/** Links to give to others: they carry a token to watch one stream with, for a limited time. */

import { z } from "zod";
import type { EpochMs, Millis } from "../base/clock.ts";
import { STREAM_NAME, STREAM_NAME_RULE } from "../base/stream-name.ts";
import type { Access } from "./access.ts";
import { type LinkSigner, LONGEST_LINK, linkId } from "./link-signer.ts";

/** The request for a link is not valid; the message says what is. */
export class LinkError extends Error {}

export interface Links {
  /** The viewer page, to give away. Its token stands behind the `#`, which browsers send to nobody. */
  readonly link: string;
  /** MJPEG for an `<img>`, which can give a token in its address alone. */
  readonly image: string;
  /** To give as bearer, or at the socket's handshake; absent where everybody may watch. */
  readonly token?: string;
  /** Names the link, to revoke it by; absent where everybody may watch. */
  readonly id?: string;
  /** When they end, in ISO 8601; absent where they do not. */
  readonly expires?: string;
  /** The same page at the server's other addresses, the best first. */
  readonly alternatives: readonly string[];
}

const HOUR: Millis = 3_600_000;
const LONGEST_HOURS = LONGEST_LINK / HOUR;

const wanted = z.object({
  hours: z.coerce.number().positive().max(LONGEST_HOURS).default(24),
});

/**
 * Links to a stream, whether it is there yet or not.
 * @param servers the origins by which viewers reach the server, the best first.
 * @param query `hours` that they are good for, 24 unless told.
 * @throws {LinkError}
 */
export async function linksOf(
  access: Access,
  servers: readonly [string, ...string[]],
  stream: string,
  query: unknown,
): Promise<Links> {
  const parsed = wanted.safeParse(query);
  if (!parsed.success)
    throw new LinkError(`hours is a number above 0, and at most ${LONGEST_HOURS}, such as ?hours=8.`);
  if (!STREAM_NAME.test(stream)) throw new LinkError(`A stream's name is ${STREAM_NAME_RULE}.`);
  const name = encodeURIComponent(stream);
  const [best, ...others] = servers;
  const page = (server: string, fragment = "") => `${server}/watch/${name}${fragment}`;
  const image = `${best}/streams/${name}/mjpeg`;
  if (access.isOpen) return { link: page(best), image, alternatives: others.map((server) => page(server)) };
  const { token, id, until } = await access.share(stream, parsed.data.hours * HOUR);
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

const named = z.object({ id: linkId.optional() });

/**
 * Revokes the link that the query names by its `id`, or all links: what is watched by them ends too.
 * @returns a sentence that says what happened, and whether it lasts.
 * @throws {LinkError}
 */
export async function revokeLinks(
  links: LinkSigner,
  query: unknown,
): Promise<{ readonly lasts: boolean; readonly message: string }> {
  const parsed = named.safeParse(query);
  if (!parsed.success)
    throw new LinkError("id is what POST /streams/NAME/share has named the link by; without it all end.");
  const { id } = parsed.data;
  const lasts = id === undefined ? await links.revokeAll() : await links.revoke(id);
  if (lasts === undefined)
    throw new LinkError("So many links are revoked one by one that no more can be remembered: revoke all.");
  const what = id === undefined ? "All links have ended" : "The link has ended";
  return lasts
    ? { lasts, message: `${what}.` }
    : { lasts, message: `${what} at this server, until it starts again: its log says why. Try again.` };
}

function isoOf(at: EpochMs): string {
  return new Date(at).toISOString();
}
