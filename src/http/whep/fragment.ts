/**
 * The parts of session descriptions that WHEP's PATCH carries (RFC 8840, section 9): ICE credentials and candidates,
 * without the rest that an offer or answer has.
 */
import { linesOf, sdpOf } from "../../transport/sdp/lines.ts";
import type { IceCredentials } from "../../transport/sdp/sdp.ts";

/** Lines of a fragment; a player with a dozen interfaces has some fifty candidates. */
const MAX_LINES = 400;

/** A line is an attribute, or begins a media section. */
const LINE = /^(a=[a-z][a-z0-9-]*(:.*)?|m=\S+ \d+ \S+ .+)$/i;

/** Whether the text is a fragment: nothing but attributes and media lines, and not too many. */
export function isFragment(text: string): boolean {
  const lines = linesOf(text);
  return lines.length > 0 && lines.length <= MAX_LINES && lines.every((line) => LINE.test(line));
}

/** What ICE sessions a fragment or an offer names: its `ice-ufrag`s, each once. */
export function iceSessionsOf(sdp: string): string[] {
  return valuesOf(sdp, "ice-ufrag");
}

/** The one pair of credentials that a fragment has; undefined for none, and for several that differ. */
export function credentialsOf(fragment: string): IceCredentials | undefined {
  const [username, ...others] = iceSessionsOf(fragment);
  const [password, ...more] = valuesOf(fragment, "ice-pwd");
  if (username === undefined || password === undefined || others.length + more.length > 0) return undefined;
  return { fragment: username, password };
}

/** The offer with other credentials, and without the candidates that belonged to those of before. */
export function withCredentials(offer: string, { fragment, password }: IceCredentials): string {
  return offer
    .replace(/^a=(candidate:.*|end-of-candidates)\r?\n/gm, "")
    .replace(/^a=ice-ufrag:[^\r\n]*/gm, () => `a=ice-ufrag:${fragment}`)
    .replace(/^a=ice-pwd:[^\r\n]*/gm, () => `a=ice-pwd:${password}`);
}

/** What an answer to an ICE restart says anew, as a fragment: that of its first media section in use. */
export function fragmentOf(answer: string): string {
  const [session = "", ...sections] = answer.split(/^(?=m=)/m);
  const section = sections.find((one) => /^m=\S+ [1-9]/.test(one)) ?? "";
  const about = linesOf(session).filter((line) => /^a=(ice-lite|ice-options:.*|group:.*)$/.test(line));
  const media = linesOf(section).filter((line) => /^(m=|a=(mid|ice-ufrag|ice-pwd|candidate):)/.test(line));
  return sdpOf([...about, ...media, "a=end-of-candidates"]);
}

function valuesOf(sdp: string, attribute: string): string[] {
  const found = sdp.matchAll(new RegExp(`^a=${attribute}:(\\S+)\\r?$`, "gm"));
  return [...new Set([...found].map(([, value = ""]) => value))];
}
