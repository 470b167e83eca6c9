/** What has to be mended in session descriptions between browsers and werift. */

const UNREAD = /^a=(candidate|end-of-candidates|ssrc|ssrc-group|rid|simulcast)\b/;

/** The feedback that is understood here; werift would accept whatever is offered. */
const FEEDBACK = ["nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"];

/**
 * A browser's offer as werift can take it. Without feedback that nobody here reads; without candidates and their end,
 * since the viewer's addresses are learnt from its packets; without streams, since a viewer sends none.
 */
export function mendOffer(offer: string): string {
  return linesOf(offer)
    .filter((line) => !UNREAD.test(line) && !isUnreadFeedback(line))
    .map((line) => `${line}\r\n`)
    .join("");
}

/**
 * werift's answer as browsers can take it: `a=ice-lite` at session level (RFC 8839, section 5.3), where Firefox insists
 * on it, the candidates of our own port in place of its one, and the video's name (RFC 8830), without which older
 * libwebrtc takes it and its repairs for two.
 * @param candidates lines for each media section.
 */
export function mendAnswer(answer: string, candidates: readonly string[]): string {
  const lines = linesOf(answer);
  const mended: string[] = [];
  for (const line of lines) {
    if (line === "a=ice-lite") continue;
    if (
      line.startsWith("m=") &&
      !mended.some((other) => other.startsWith("m=")) &&
      lines.includes("a=ice-lite")
    )
      mended.push("a=ice-lite");
    if (line.startsWith("a=ssrc-group:") && !lines.some((other) => other.startsWith("a=msid:")))
      mended.push("a=msid:rendercast video");
    if (!isCandidate(line)) mended.push(line);
    else if (!mended.at(-1)?.startsWith("a=candidate:")) mended.push(...candidates);
  }
  return mended.map((line) => `${line}\r\n`).join("");
}

/**
 * werift's answer as players can take it that ask for audio too, and for that first. An answer may reject the section
 * whose transport the others share (RFC 9143, section 7.3.3), but libwebrtc does not take that: it is answered as
 * inactive, and has the candidates.
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

/** Lines of an offer; browsers' have some hundred. */
const MAX_LINES = 1000;

/** Sections of an offer that werift is let to build transports for: it takes a while for each. */
const MAX_SECTIONS = 4;

/**
 * Whether the text is an offer to receive video at all: werift itself takes anything for a session
 * description. Needs exactly one video section, few others, ICE credentials and a DTLS fingerprint.
 */
export function isVideoOffer(offer: string): boolean {
  const lines = linesOf(offer);
  const count = (start: string) => lines.filter((line) => line.startsWith(start)).length;
  const has = (start: string) => count(start) > 0;
  if (lines.length > MAX_LINES || lines[0] !== "v=0" || count("m=video ") !== 1 || count("m=") > MAX_SECTIONS)
    return false;
  return has("a=ice-ufrag:") && has("a=ice-pwd:") && has("a=fingerprint:");
}

/** The certificates that a description names (RFC 8122, section 5), to compare with another's. */
export function fingerprintsOf(sdp: string): string {
  const found = linesOf(sdp).flatMap((line) => {
    const [, hash, bytes] = /^a=fingerprint:(\S+) +(\S+) *$/.exec(line) ?? [];
    return hash && bytes ? [`${hash.toLowerCase()} ${bytes.toUpperCase()}`] : [];
  });
  return [...new Set(found)].sort().join(", ");
}

/** What a viewer's connectivity checks prove to be meant for us by (RFC 8839, section 5.4). */
export interface IceCredentials {
  readonly fragment: string;
  readonly password: string;
}

/** The answer to an ICE restart (RFC 8839, section 4.4.2): that of before with new credentials, as its next version. */
export function restartAnswer(before: string, { fragment, password }: IceCredentials): string {
  return linesOf(before)
    .map((line) => {
      if (line.startsWith("a=ice-ufrag:")) return `a=ice-ufrag:${fragment}`;
      if (line.startsWith("a=ice-pwd:")) return `a=ice-pwd:${password}`;
      // A version may have more digits than a number holds.
      return line.replace(/^(o=\S+ \S+ )(\d+)/, (_, start, version) => `${start}${BigInt(version) + 1n}`);
    })
    .map((line) => `${line}\r\n`)
    .join("");
}

function linesOf(sdp: string): string[] {
  return sdp.split(/\r?\n/).filter((line) => line !== "");
}

function isCandidate(line: string): boolean {
  return line.startsWith("a=candidate:");
}

function isUnreadFeedback(line: string): boolean {
  const feedback = /^a=rtcp-fb:\S+ (.*)$/.exec(line)?.[1];
  return feedback !== undefined && !FEEDBACK.includes(feedback);
}
