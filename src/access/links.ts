/** Links to give to others: they carry a token to watch one stream with, for a limited time. */
import { z } from "zod";
import { STREAM_NAME, STREAM_NAME_RULE } from "../directory.ts";
import type { EpochMs } from "../timing.ts";
import type { Access } from "./access.ts";

/** The request for a link is not valid; the message says what is. */
export class LinkError extends Error {}

export interface Links {
  /** The viewer page, to give away. Its token stands behind the `#`, which browsers send to nobody. */
  readonly link: string;
  /** MJPEG for an `<img>`, which can give a token in its address alone. */
  readonly image: string;
  /** To give as bearer, or at the socket's handshake; absent where everybody may watch. */
  readonly token?: string;
  /** When they end, in ISO 8601; absent where they do not. */
  readonly expires?: string;
  /** The same page at the server's other addresses, the best first. */
  readonly alternatives: readonly string[];
}

const HOUR = 3_600_000;
const LONGEST_DAYS = 30;

const wanted = z.object({
  hours: z.coerce
    .number()
    .positive()
    .max(24 * LONGEST_DAYS)
    .default(24),
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
    throw new LinkError(`hours is a number above 0, and at most ${24 * LONGEST_DAYS}, such as ?hours=8.`);
  if (!STREAM_NAME.test(stream)) throw new LinkError(`A stream's name is ${STREAM_NAME_RULE}.`);
  const name = encodeURIComponent(stream);
  const [best, ...others] = servers;
  const page = (server: string, fragment = "") => `${server}/watch/${name}${fragment}`;
  const image = `${best}/streams/${name}/mjpeg`;
  if (access.isOpen) return { link: page(best), image, alternatives: others.map((server) => page(server)) };
  const { token, until } = await access.share(stream, parsed.data.hours * HOUR);
  const fragment = `#token=${token}`;
  return {
    link: page(best, fragment),
    image: `${image}?token=${token}`,
    token,
    expires: isoOf(until),
    alternatives: others.map((server) => page(server, fragment)),
  };
}

function isoOf(at: EpochMs): string {
  return new Date(at).toISOString();
}
