/** SDP fragments, the body of WHEP's `PATCH`: ICE credentials and candidates (RFC 8840, section 9). */
import { linesOf, sdpOf } from "../../transport/sdp/lines.ts";
import type { IceCredentials } from "../../transport/sdp/sdp.ts";

/** A player with a dozen network interfaces sends about fifty candidates. */
const MAX_LINES = 400;

/** An attribute, or the start of a media section. */
const LINE = /^(a=[a-z][a-z0-9-]*(:.*)?|m=\S+ \d+ \S+ .+)$/i;

/** Whether the text is a fragment: only attributes and media lines, and at most {@link MAX_LINES}. */
export function isFragment(text: string): boolean {
  const lines = linesOf(text);
  return lines.length > 0 && lines.length <= MAX_LINES && lines.every((line) => LINE.test(line));
}

/** The ICE sessions of a fragment or offer: its distinct `ice-ufrag` values. */
export function iceSessionsOf(sdp: string): string[] {
  return valuesOf(sdp, "ice-ufrag");
}

/** The ICE credentials of a fragment; undefined if it has none, or several that differ. */
export function credentialsOf(fragment: string): IceCredentials | undefined {
  const [username, ...others] = iceSessionsOf(fragment);
  const [password, ...more] = valuesOf(fragment, "ice-pwd");
  if (username === undefined || password === undefined || others.length + more.length > 0) return undefined;
  return { fragment: username, password };
}

/** The offer with new credentials, without the candidates of the old ones. */
export function withCredentials(offer: string, { fragment, password }: IceCredentials): string {
  return offer
    .replace(/^a=(candidate:.*|end-of-candidates)\r?\n/gm, "")
    .replace(/^a=ice-ufrag:[^\r\n]*/gm, () => `a=ice-ufrag:${fragment}`)
    .replace(/^a=ice-pwd:[^\r\n]*/gm, () => `a=ice-pwd:${password}`);
}

/** The fragment that answers an ICE restart: the ICE lines of the answer's first media section in use. */
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
