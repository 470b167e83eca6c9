/** What those are told who may not: sentences for viewers, programmers and add-on users. */
import type { BadToken, Right } from "./tokens.ts";

/**
 * Why not. `missing`: no token. `other`: one that is good, but not for this right or stream. `in-address`: one in the
 * request's address that is no signed one. `too-many`: wrong ones came from the same address before.
 */
export type Why = "missing" | "other" | "in-address" | "too-many" | BadToken;

/** By what the server gives a right. */
export interface Offered {
  /** It has a fixed secret for it. */
  readonly fixed: boolean;
  /** It takes signed tokens. */
  readonly signed: boolean;
  /** This machine needs no token. */
  readonly here: boolean;
}

/** For who may have no links made. */
export const SHARE_REFUSAL =
  "Making links takes the token of --view-token or --operate-token, or a signed one with the right to operate: give it as the header Authorization: Bearer TOKEN.";

/** A sentence that says what to do. */
export function refusalOf(right: Right, why: Why, { fixed, signed, here }: Offered): string {
  if (why === "unchecked") return "The server cannot check the token just now; try again in a moment.";
  if (why === "too-many") return "Too many wrong tokens came from your address; try again in some seconds.";
  if (why === "in-address") return "An address takes only the signed token of a link, which this is not.";
  if (right === "view") return VIEW[why];
  const what = WHAT[right];
  const subject = here ? `${what.doing} from elsewhere, or by another name than localhost,` : what.doing;
  const flag = `--${right}-token`;
  if (!fixed && !signed)
    return `${subject} takes a token, which this server has not: start rendercast with ${flag} TOKEN, then ${what.how}.`;
  if (why === "expired") return "The token has expired: get a new one.";
  if (why === "other") return `The token does not let you ${right} here: use one for that.`;
  const one = fixed ? `the one of its ${flag}` : "a signed one with that right";
  if (why === "wrong") return `That is not this server's ${right} token: give ${one}.`;
  const needed = fixed ? `the token of this server's ${flag}` : "a signed token with that right";
  return `${subject} takes ${needed}: ${what.how}.`;
}

const BEARER = "as the header Authorization: Bearer TOKEN";

const WHAT = {
  publish: {
    doing: "Publishing",
    how: `give it as Token in the add-on, or ${BEARER}`,
  },
  operate: {
    doing: "Operating the server",
    how: `give it ${BEARER}`,
  },
} as const;

const VIEW = {
  missing:
    "Watching this takes a token: open the link that you were given, or ask whoever runs the server for one.",
  expired: "This link has expired or was revoked: ask for a new one.",
  wrong: "The token is not one of this server's: ask for a new link.",
  other: "The token is not for watching this stream: ask for a link to it.",
} as const;
