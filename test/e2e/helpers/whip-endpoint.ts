/**
 * A WHIP endpoint that takes one rendition with transport-wide feedback, in a process of its own so that a network namespace
 * can hold it: `whip-endpoint.ts HOST PORT`. Prints a line when it listens.
 */
import { createServer } from "node:http";
import {
  RTCPeerConnection,
  RTCRtpCodecParameters,
  RTCRtpHeaderExtensionParameters,
  useSdesMid,
} from "werift";

const TRANSPORT_COUNTER = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

const [host = "", port = ""] = process.argv.slice(2);

createServer(async (request, response) => {
  let offer = "";
  for await (const chunk of request) offer += chunk;
  if (request.method !== "POST") return void response.end();
  const peer = new RTCPeerConnection({
    codecs: {
      video: [
        new RTCRtpCodecParameters({
          mimeType: "video/VP8",
          clockRate: 90_000,
          rtcpFeedback: [
            { type: "nack" },
            { type: "nack", parameter: "pli" },
            { type: "goog-remb" },
            { type: "transport-cc" },
          ],
        }),
      ],
    },
    headerExtensions: {
      video: [useSdesMid(), new RTCRtpHeaderExtensionParameters({ uri: TRANSPORT_COUNTER })],
    },
    bundlePolicy: "max-bundle",
    // Without an entry here werift would ask a STUN server of Google's.
    iceServers: [{ urls: `stun:${host}:9` }],
    iceStunGatherTimeout: 0.01,
  });
  await peer.setRemoteDescription({ type: "offer", sdp: offer });
  await peer.setLocalDescription(await peer.createAnswer());
  response.writeHead(201, { "Content-Type": "application/sdp" }).end(peer.localDescription?.sdp);
}).listen(Number(port), host, () => console.log("listens"));
