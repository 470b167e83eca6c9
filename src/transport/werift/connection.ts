/** Makes werift's peer connections: one codec, its retransmissions (RTX), RTCP feedback and header extensions. */
import {
  type PeerConfig,
  RTCPeerConnection,
  RTCRtpCodecParameters,
  RTCRtpHeaderExtensionParameters,
  useRepairedRtpStreamId,
  useSdesMid,
  useSdesRTPStreamId,
} from "werift";
import type { Codec } from "../../media/frame.ts";

// Every H.264 decoder has constrained baseline; the level does not limit us (RFC 6184, section 8.2.2).
const CONSTRAINED_BASELINE = "level-asymmetry-allowed=1;profile-level-id=42e01f";

/** The codecs in session descriptions (RFC 7741, section 6; RFC 6184, section 8; AV1's payload format, section 7). */
export const CODECS: Readonly<Record<Codec, { readonly name: string; readonly parameters?: string }>> = {
  vp8: { name: "VP8" },
  h264: { name: "H264", parameters: `${CONSTRAINED_BASELINE};packetization-mode=1` },
  av1: { name: "AV1" },
  "h264-single": { name: "H264", parameters: `${CONSTRAINED_BASELINE};packetization-mode=0` },
};

/** Numbers all packets of a connection across its streams, for transport-wide feedback. */
export const TRANSPORT_COUNTER_URI =
  "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/** Asks a viewer for a minimum and maximum playout delay. */
export const PLAYOUT_DELAY_URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";

/**
 * A viewer's connection. It has one socket, given to it while it gathers candidates.
 * @param playoutDelay whether to negotiate the playout delay.
 * @param address the address that werift believes the socket is bound to.
 */
export function newConnection(codec: Codec, playoutDelay: boolean, address: string): RTCPeerConnection {
  const extensions = [useSdesMid(), new RTCRtpHeaderExtensionParameters({ uri: TRANSPORT_COUNTER_URI })];
  if (playoutDelay) extensions.push(new RTCRtpHeaderExtensionParameters({ uri: PLAYOUT_DELAY_URI }));
  return new RTCPeerConnection({
    ...mediaOf(codec, extensions, FEEDBACK),
    // ICE-lite (RFC 8445, section 2.5) answers checks and sends none. It also makes werift ask no STUN server.
    iceLite: true,
    // Only the given socket; the answer gets the port's candidates instead.
    iceUseIpv4: false,
    iceUseIpv6: false,
    iceAdditionalHostAddresses: [address],
  });
}

/**
 * A connection that publishes at another server: a full ICE agent with its own sockets, which makes the offer.
 * @param local whether the server is on this machine.
 * @param named whether its streams have RIDs (RFC 8852). Then it negotiates no transport-wide feedback.
 */
export function newPublishingConnection(codec: Codec, local: boolean, named: boolean): RTCPeerConnection {
  const counterExtensions = [
    useSdesMid(),
    new RTCRtpHeaderExtensionParameters({ uri: TRANSPORT_COUNTER_URI }),
  ];
  const ridExtensions = [useSdesMid(), useSdesRTPStreamId(), useRepairedRtpStreamId()];
  return new RTCPeerConnection({
    ...mediaOf(codec, named ? ridExtensions : counterExtensions, named ? ONE_STREAM_FEEDBACK : FEEDBACK),
    // The server has a reachable address. Without an entry here werift would ask a STUN server of Google's and wait.
    iceServers: [{ urls: "stun:127.0.0.1:9" }],
    iceStunGatherTimeout: 0.01,
    ...(local && { iceAdditionalHostAddresses: ["127.0.0.1"] }),
  });
}

const ONE_STREAM_FEEDBACK = [
  { type: "nack" },
  { type: "nack", parameter: "pli" },
  { type: "ccm", parameter: "fir" },
];
const FEEDBACK = [...ONE_STREAM_FEEDBACK, { type: "goog-remb" }, { type: "transport-cc" }];

function mediaOf(
  codec: Codec,
  extensions: RTCRtpHeaderExtensionParameters[],
  rtcpFeedback: typeof FEEDBACK,
): Partial<PeerConfig> {
  const { name, parameters } = CODECS[codec];
  return {
    codecs: {
      video: [
        new RTCRtpCodecParameters({
          mimeType: `video/${name}`,
          clockRate: 90_000,
          ...(parameters === undefined ? {} : { parameters }),
          rtcpFeedback,
        }),
        new RTCRtpCodecParameters({ mimeType: "video/rtx", clockRate: 90_000 }),
      ],
    },
    headerExtensions: { video: extensions },
    bundlePolicy: "max-bundle",
  };
}
