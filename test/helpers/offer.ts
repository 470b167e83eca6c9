/** The offer of a viewer without a browser, which the server accepts. */

export const VIEWER_OFFER = [
  "v=0",
  "o=- 1 1 IN IP4 127.0.0.1",
  "s=-",
  "t=0 0",
  "a=group:BUNDLE 0",
  "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
  "c=IN IP4 0.0.0.0",
  "a=ice-ufrag:evil",
  "a=ice-pwd:a password of twenty-two",
  `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => "00").join(":")}`,
  "a=setup:actpass",
  "a=mid:0",
  "a=recvonly",
  "a=rtcp-mux",
  "a=rtpmap:96 VP8/90000",
  "a=rtcp-fb:96 nack pli",
  "a=rtpmap:97 rtx/90000",
  "a=fmtp:97 apt=96",
  "a=candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host",
  "",
].join("\r\n");

/** Scraps of SDP to insert into an offer. */
export const SDP_SCRAPS = [
  "\r\n",
  "\n",
  "a=",
  "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
  "a=rtpmap:96 H264/90000\r\n",
  "a=fmtp:96 profile-level-id=42e01f;packetization-mode=1\r\n",
  "a=candidate:",
  "a=extmap:1 x\r\n",
  "a=simulcast:recv x\r\n",
  "99999999999999999999",
  "-1",
  " ",
  ":",
  "\0",
  "__proto__",
];
