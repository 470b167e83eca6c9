/** How a viewer's peer connection is set up in werift: one codec, its repairs, and the header extensions. */
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

// Constrained baseline, which all that have H.264 have; the level does not bind us (RFC 6184, section 8.2.2).
const BASELINE = "level-asymmetry-allowed=1;profile-level-id=42e01f";

/** As session descriptions have them (RFC 7741, section 6; RFC 6184, section 8; AV1's payload format, section 7). */
export const CODECS: Readonly<Record<Codec, { readonly name: string; readonly parameters?: string }>> = {
  vp8: { name: "VP8" },
  h264: { name: "H264", parameters: `${BASELINE};packetization-mode=1` },
  av1: { name: "AV1" },
  "h264-single": { name: "H264", parameters: `${BASELINE};packetization-mode=0` },
};

/** Counts all packets of a connection, whichever their stream, so that the viewer can tell when each came. */
export const TRANSPORT_COUNTER_URI =
  "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/** Asks a viewer how long to hold frames back at least and at most. */
export const PLAYOUT_DELAY_URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";

/**
 * It has one socket, for which it is handed a transport while it gathers.
 * @param address what that socket is bound to, as it believes.
 */
export function newConnection(codec: Codec, playoutDelay: boolean, address: string): RTCPeerConnection {
  const extensions = [useSdesMid(), new RTCRtpHeaderExtensionParameters({ uri: TRANSPORT_COUNTER_URI })];
  if (playoutDelay) extensions.push(new RTCRtpHeaderExtensionParameters({ uri: PLAYOUT_DELAY_URI }));
  return new RTCPeerConnection({
    ...mediaOf(codec, extensions, FEEDBACK),
    // Lite (RFC 8445, section 2.5): we answer checks and send none. It also asks no STUN server.
    iceLite: true,
    // One socket of its own, which is our port; the candidates are the port's.
    iceUseIpv4: false,
    iceUseIpv6: false,
    iceAdditionalHostAddresses: [address],
  });
}

/**
 * For publishing at a server: a full ICE agent, which begins. Its sockets are its own.
 * @param local whether the server is on this machine.
 * @param named whether its streams have names (RFC 8852): such do not count the packets of the connection together.
 */
export function newPublishingConnection(codec: Codec, local: boolean, named: boolean): RTCPeerConnection {
  const counted = [useSdesMid(), new RTCRtpHeaderExtensionParameters({ uri: TRANSPORT_COUNTER_URI })];
  const telling = [useSdesMid(), useSdesRTPStreamId(), useRepairedRtpStreamId()];
  return new RTCPeerConnection({
    ...mediaOf(codec, named ? telling : counted, named ? ONE_STREAM_FEEDBACK : FEEDBACK),
    // The server has an address that we reach; without a server here werift asks one of Google's, and waits for it.
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
