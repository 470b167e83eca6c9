/** The messages of refusals, for viewers, programmers and users of the add-on: what happened, then what to do. */
import type { BadToken, Right } from "./tokens.ts";

/**
 * Why a right is refused. `missing`: there is no token. `other`: the token is valid, but not for this right or stream.
 * `in-address`: a token in the URL is not a signed one. `too-many`: the address sent too many wrong tokens.
 */
export type RefusalReason = "missing" | "other" | "in-address" | "too-many" | BadToken;

/** How the server grants a right. */
export interface Offered {
  /** It has a fixed token. */
  readonly fixed: boolean;
  /** It accepts signed tokens. */
  readonly signed: boolean;
  /** It lets this machine in without a token. */
  readonly here: boolean;
}

const BEARER = "in the header Authorization: Bearer TOKEN";

/** The refusal of a request for links. */
export const SHARE_REFUSAL = `Making links needs the token of --view-token or --operate-token, or a signed token with the right to operate. Send it ${BEARER}.`;

/** The message to a client that is refused the right. */
export function refusalOf(right: Right, why: RefusalReason, { fixed, signed, here }: Offered): string {
  if (why === "unchecked") return "The server cannot check the token right now. Try again in a moment.";
  if (why === "too-many") return "Too many wrong tokens came from your address. Try again in a few seconds.";
  if (why === "in-address") return `A web address may carry only the token of a link. Send others ${BEARER}.`;
  if (right === "view") return VIEW[why];
  const { action, how } = ACTIONS[right];
  const flag = `--${right}-token`;
  const from = here ? " from another machine, or by a name other than localhost," : "";
  if (!fixed && !signed)
    return `${action}${from} needs a token, and this server has none. Start rendercast with ${flag} TOKEN, then ${how}.`;
  if (why === "expired") return "The token has expired. Get a new one.";
  if (why === "other") return `The token does not have the right to ${right} here. Use one that has it.`;
  const needed = fixed ? `the token of this server's ${flag}` : `a signed token with the right to ${right}`;
  if (why === "wrong") return `The token is wrong. Use ${needed}.`;
  return `${action}${from} needs ${needed}. To use it, ${how}.`;
}

const ACTIONS = {
  publish: { action: "Publishing", how: `enter it as Token in the add-on, or send it ${BEARER}` },
  control: { action: "Turning the camera", how: `open the page with #token=TOKEN, or send it ${BEARER}` },
  operate: { action: "Operating the server", how: `send it ${BEARER}` },
} as const;

const VIEW = {
  missing: "This stream is private. Open your invite link, or ask the owner for one.",
  expired: "This invite link has expired or was revoked. Ask the owner for a new one.",
  wrong: "This server does not accept the token. Ask the owner for a new invite link.",
  other: "The token is not for watching this stream. Ask the owner for an invite link.",
} as const;
