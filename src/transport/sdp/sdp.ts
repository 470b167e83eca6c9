/**
 * Checks and rewrites session descriptions (RFC 8866). Browsers' offers and werift's answers differ in what they understand;
 * the functions here translate between them.
 */
import { linesOf, sdpOf } from "./lines.ts";

/** Attributes removed from offers: a viewer sends no media, and its addresses are learned from its packets. */
const IGNORED_ATTRIBUTE = /^a=(candidate|end-of-candidates|ssrc|ssrc-group|rid|simulcast)\b/;

/** The RTCP feedback that we handle; werift would accept any that is offered. */
const FEEDBACK = ["nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"];

/** A browser's offer in a form that werift accepts: without candidates, streams, and feedback that we do not handle. */
export function offerForWerift(offer: string): string {
  return sdpOf(linesOf(offer).filter((line) => !IGNORED_ATTRIBUTE.test(line) && !isIgnoredFeedback(line)));
}

/**
 * werift's answer in a form that browsers accept. It has `a=ice-lite` at session level (RFC 8839, section 5.3), which
 * Firefox requires, our port's candidates instead of werift's, and an msid (RFC 8830): without one, older libwebrtc takes
 * the video and its retransmissions for two tracks.
 * @param candidates the candidate lines of each media section.
 */
export function answerForBrowsers(answer: string, candidates: readonly string[]): string {
  const lines = linesOf(answer);
  const result: string[] = [];
  for (const line of lines) {
    if (line === "a=ice-lite") continue;
    if (
      line.startsWith("m=") &&
      !result.some((other) => other.startsWith("m=")) &&
      lines.includes("a=ice-lite")
    )
      result.push("a=ice-lite");
    if (line.startsWith("a=ssrc-group:") && !lines.some((other) => other.startsWith("a=msid:")))
      result.push("a=msid:rendercast video");
    if (!isCandidate(line)) result.push(line);
    else if (!result.at(-1)?.startsWith("a=candidate:")) result.push(...candidates);
  }
  return sdpOf(result);
}

/**
 * The answer to a player that offers audio first, in a bundle with the video. An answer may reject the section that owns
 * the bundle's transport (RFC 9143, section 7.3.3), but libwebrtc refuses that. So the audio is answered as inactive, and
 * carries the candidates.
 */
export function keepBundled(answer: string, offer: string): string {
  const tagged = /^a=group:BUNDLE (\S+)/m.exec(offer)?.[1];
  const isRejected = (section: string) =>
    /^m=\S+ 0 /.test(section) && linesOf(section).includes(`a=mid:${tagged}`);
  const sections = answer.split(/^(?=m=)/m);
  if (tagged === undefined || !sections.some(isRejected)) return answer;
  const candidates = (answer.match(/^a=(candidate:.*|end-of-candidates)\r\n/gm) ?? []).join("");
  const kept = sections.map((section) =>
    isRejected(section)
      ? `${section.replace(" 0 ", " 9 ")}a=rtcp-mux\r\n${candidates}`
      : section.replace(/^a=(candidate:.*|end-of-candidates)\r\n/gm, ""),
  );
  return kept.join("").replace(/^a=group:BUNDLE/m, () => `a=group:BUNDLE ${tagged}`);
}

/** Browsers' offers have about a hundred lines. */
const MAX_LINES = 1000;

/** werift builds a transport for each media section, which takes time. */
const MAX_SECTIONS = 4;

/**
 * Whether the text is an offer to receive video; werift itself accepts any text. It must have exactly one video section,
 * few others, ICE credentials and a DTLS fingerprint.
 */
export function isVideoOffer(offer: string): boolean {
  const lines = linesOf(offer);
  const count = (start: string) => lines.filter((line) => line.startsWith(start)).length;
  const has = (start: string) => count(start) > 0;
  if (lines.length > MAX_LINES || lines[0] !== "v=0" || count("m=video ") !== 1 || count("m=") > MAX_SECTIONS)
    return false;
  return has("a=ice-ufrag:") && has("a=ice-pwd:") && has("a=fingerprint:");
}

/** The certificate fingerprints in a description (RFC 8122, section 5), in a form to compare with another's. */
export function fingerprintsOf(sdp: string): string {
  const found = linesOf(sdp).flatMap((line) => {
    const [, hash, bytes] = /^a=fingerprint:(\S+) +(\S+) *$/.exec(line) ?? [];
    return hash && bytes ? [`${hash.toLowerCase()} ${bytes.toUpperCase()}`] : [];
  });
  return [...new Set(found)].sort().join(", ");
}

/** The username fragment and password that connectivity checks are authenticated by (RFC 8839, section 5.4). */
export interface IceCredentials {
  readonly fragment: string;
  readonly password: string;
}

/** The answer to an ICE restart (RFC 8839, section 4.4.2): the last answer with new credentials and the next version. */
export function restartAnswer(last: string, { fragment, password }: IceCredentials): string {
  return sdpOf(
    linesOf(last).map((line) => {
      if (line.startsWith("a=ice-ufrag:")) return `a=ice-ufrag:${fragment}`;
      if (line.startsWith("a=ice-pwd:")) return `a=ice-pwd:${password}`;
      // The version may exceed the safe integers.
      return line.replace(/^(o=\S+ \S+ )(\d+)/, (_, start, version) => `${start}${BigInt(version) + 1n}`);
    }),
  );
}

function isCandidate(line: string): boolean {
  return line.startsWith("a=candidate:");
}

function isIgnoredFeedback(line: string): boolean {
  const feedback = /^a=rtcp-fb:\S+ (.*)$/.exec(line)?.[1];
  return feedback !== undefined && !FEEDBACK.includes(feedback);
}
