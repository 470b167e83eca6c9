/** Adds FlexFEC to an answer, which werift does not know (draft-ietf-payload-flexible-fec-scheme-03, section 5). */
import type { RtpStream } from "../rtp/header.ts";
import { linesOf, sdpOf } from "./lines.ts";

/** How long parity packets repair, in microseconds. Ours follow their frame at once; libwebrtc uses this value. */
const REPAIR_WINDOW = 10_000_000;

/**
 * The answer with a stream of parity packets for its video.
 * @param media SSRC of the video.
 */
export function withFlexFec(answer: string, media: number, { ssrc, payloadType }: RtpStream): string {
  const lines = linesOf(answer);
  const video = lines.findIndex((line) => line.startsWith("m=video "));
  if (video < 0) return answer;
  const next = lines.findIndex((line, n) => n > video && line.startsWith("m="));
  const end = next < 0 ? lines.length : next;
  const [, name] = /^a=ssrc:\d+ (cname:\S+)/.exec(lines.find((line) => / cname:/.test(line)) ?? "") ?? [];
  const added = [
    `a=rtpmap:${payloadType} flexfec-03/90000`,
    `a=fmtp:${payloadType} repair-window=${REPAIR_WINDOW}`,
    `a=ssrc-group:FEC-FR ${media} ${ssrc}`,
    ...(name ? [`a=ssrc:${ssrc} ${name}`] : []),
  ];
  const section = lines.slice(video + 1, end);
  return sdpOf([
    ...lines.slice(0, video),
    `${lines[video]} ${payloadType}`,
    ...section,
    ...added,
    ...lines.slice(end),
  ]);
}
