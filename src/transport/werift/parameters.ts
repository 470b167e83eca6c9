/** The RTP parameters of a stream, as the session descriptions negotiated them. */
import { randomInt, randomUUID } from "node:crypto";
import type { RtpStream } from "../rtp/header.ts";
import type { MediaParameters } from "../session/media-session.ts";
import { PLAYOUT_DELAY_URI, TRANSPORT_COUNTER_URI } from "./connection.ts";
import type { InnerSender } from "./internals.ts";

const MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid";
const RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const REPAIRED_RID_URI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";

/** Minimum and maximum of 0: show each frame as soon as it is decoded. */
const NO_PLAYOUT_DELAY = Buffer.from([0, 0, 0]);

/**
 * The parameters of the only stream of a sender.
 * @param playoutDelay ask the viewer for no playout delay.
 */
export function parametersOf(sender: InnerSender, playoutDelay: boolean): MediaParameters {
  const { ssrc, rtxSsrc, codec, rtxPayloadType, headerExtensions, mid = "", cname } = sender;
  const extension = (uri: string, data: Buffer | "counter") =>
    headerExtensions.filter((offered) => offered.uri === uri).map(({ id }) => ({ id, data }));
  return {
    media: { ssrc, payloadType: codec?.payloadType ?? 0 },
    rtx: rtxPayloadType === undefined ? undefined : { ssrc: rtxSsrc, payloadType: rtxPayloadType },
    extensions: [
      ...extension(MID_URI, Buffer.from(mid)),
      ...extension(TRANSPORT_COUNTER_URI, "counter"),
      ...(playoutDelay ? extension(PLAYOUT_DELAY_URI, NO_PLAYOUT_DELAY) : []),
    ],
    cname: cname ?? randomUUID(),
  };
}

/**
 * The parameters of one simulcast stream of a sender, identified by its RID (RFC 8852).
 * @param isFirst the first stream has werift's SSRCs, each other one has random SSRCs.
 */
export function namedParametersOf(sender: InnerSender, rid: string, isFirst: boolean): MediaParameters {
  const { media, rtx, extensions, cname } = parametersOf(sender, false);
  const own = (stream: RtpStream): RtpStream =>
    isFirst ? stream : { ...stream, ssrc: randomInt(1, 2 ** 32) };
  const named = (uri: string) => [
    ...extensions,
    ...sender.headerExtensions
      .filter((offered) => offered.uri === uri)
      .map(({ id }) => ({ id, data: Buffer.from(rid) })),
  ];
  return {
    media: own(media),
    rtx: rtx && own(rtx),
    extensions: named(RID_URI),
    rtxExtensions: named(REPAIRED_RID_URI),
    cname,
  };
}
