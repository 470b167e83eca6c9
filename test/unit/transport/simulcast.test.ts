import { describe, expect, test, vi } from "vitest";
import {
  GenericNack,
  PictureLossIndication,
  RtcpPayloadSpecificFeedback,
  RtcpTransportLayerFeedback,
  RtpPacket,
  SrtcpSession,
  SrtpSession,
} from "werift";
import { PacketHistory } from "../../../src/transport/packets/history.ts";
import { Packetizer } from "../../../src/transport/packets/packetizer.ts";
import { type MasterKey, NodeSealer } from "../../../src/transport/rtp/srtp.ts";
import { acceptedStreams, offerSimulcast, withoutSimulcast } from "../../../src/transport/sdp/simulcast.ts";
import { MediaSession } from "../../../src/transport/session/media-session.ts";
import { namedParametersOf } from "../../../src/transport/werift/parameters.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { encodedFrame } from "../../helpers/fakes.ts";

const lines = (...all: string[]) => all.map((line) => `${line}\r\n`).join("");

/** Answers of real servers, shortened. */
const JANUS = lines(
  "v=0",
  "o=- 6011 2 IN IP4 192.0.2.5",
  "s=VideoRoom 1234",
  "t=0 0",
  "a=group:BUNDLE 0",
  "a=ice-options:trickle",
  "a=extmap-allow-mixed",
  "a=msid-semantic: WMS *",
  "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
  "c=IN IP4 192.0.2.5",
  "a=recvonly",
  "a=mid:0",
  "a=rtcp-mux",
  "a=rtpmap:96 VP8/90000",
  "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
  "a=extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
  "a=rid:f recv",
  "a=rid:h recv",
  "a=rid:q recv",
  "a=simulcast:recv f;h;q",
  "a=end-of-candidates",
);
const MEDIASOUP = lines(
  "v=0",
  "o=mediasoup-client 10000 1 IN IP4 0.0.0.0",
  "s=-",
  "t=0 0",
  "a=ice-lite",
  "m=video 7 UDP/TLS/RTP/SAVPF 96 97",
  "c=IN IP4 127.0.0.1",
  "a=setup:passive",
  "a=mid:0",
  "a=recvonly",
  "a=rtcp-mux",
  "a=rtcp-rsize",
  "a=rid:f recv",
  "a=rid:h recv",
  "a=rid:q recv",
  "a=simulcast:recv f;h;q",
);
/** LiveKit and Cloudflare, which use Pion: the offered streams in another order. */
const PION = lines(
  "v=0",
  "s=-",
  "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
  "a=setup:active",
  "a=mid:0",
  "a=rtcp-mux",
  "a=rtcp-rsize",
  "a=extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
  "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
  "a=rid:q recv",
  "a=rid:f recv",
  "a=rid:h recv",
  "a=simulcast:recv q;f;h",
  "a=recvonly",
);

const ridsOf = (answer: string, count = 3) => acceptedStreams(answer, count).map(({ rid }) => rid);

describe("an answer", () => {
  test.each([
    ["of Janus", JANUS],
    ["of mediasoup", MEDIASOUP],
    ["of Pion", PION],
  ])("%s accepts all streams, the best first", (_, answer) => {
    expect(acceptedStreams(answer, 3)).toEqual([
      { rid: "f", level: 0 },
      { rid: "h", level: 2 },
      { rid: "q", level: 4 },
    ]);
    expect(ridsOf(answer, 2)).toEqual(["f", "h"]);
  });

  test.each([
    ["f;h", ["f", "h"]],
    ["h", ["h"]],
    ["f;~h;q", ["f", "q"]],
    ["~f;~h;~q", []],
    ["q,h;f", ["f", "q"]],
    ["~q,h;f", ["f", "h"]],
    ["f;nobody's", ["f"]],
    ["rid=f;q", ["f", "q"]],
    ["f;h send q", ["f", "h"]],
  ])("with %s accepts %j", (list, rids) => {
    expect(ridsOf(JANUS.replace("recv f;h;q", `recv ${list}`))).toEqual(rids);
  });

  test.each([
    ["does not mention simulcast", withoutSimulcast(JANUS)],
    ["sends simulcast instead", JANUS.replace("simulcast:recv", "simulcast:send")],
    ["has only rid lines", JANUS.replace("a=simulcast:recv f;h;q\r\n", "")],
    ["lists streams without rid lines (RFC 8853, section 5.2)", JANUS.replace(/a=rid:.*\r\n/g, "")],
    ["is invalid", "\0;;;a=simulcast:recv"],
  ])("that %s accepts no streams", (_, answer) => {
    expect(ridsOf(answer)).toEqual([]);
  });

  test("is otherwise unchanged without its simulcast lines", () => {
    const left = withoutSimulcast(JANUS);
    expect(left).not.toMatch(/rid:|simulcast/);
    expect(JANUS.split("\r\n").filter((line) => !left.includes(line))).toHaveLength(4);
  });
});

test("an offer has the rids in order, and no SSRCs", () => {
  const offer = lines("v=0", "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=ssrc-group:FID 1 2", "a=ssrc:1 cname:a");
  expect(offerSimulcast(offer, 3)).toBe(
    lines(
      "v=0",
      "m=video 9 UDP/TLS/RTP/SAVPF 96",
      "a=msid:rendercast video",
      "a=rid:f send",
      "a=rid:h send",
      "a=rid:q send",
      "a=simulcast:send f;h;q",
    ),
  );
});

const EXTENSIONS = {
  1: "urn:ietf:params:rtp-hdrext:sdes:mid",
  2: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
  3: "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
};

describe("packets", () => {
  const profile = "AEAD_AES_128_GCM";
  const keyOf = (fill: number): MasterKey => ({
    profile,
    key: Buffer.alloc(16, fill),
    salt: Buffer.alloc(12, fill + 1),
  });
  const [local, remote] = [keyOf(1), keyOf(3)];
  const keys = {
    localMasterKey: remote.key,
    localMasterSalt: remote.salt,
    remoteMasterKey: local.key,
    remoteMasterSalt: local.salt,
  };
  const srtp = new SrtpSession({ profile: 7, keys });
  const srtcp = new SrtcpSession({ profile: 7, keys });

  /** The packets of one rendition, read by an independent implementation. */
  function open(rid: string, isFirst: boolean) {
    const clock = new FakeClock();
    const sent: RtpPacket[] = [];
    const keyframeNeeded = vi.fn();
    const parameters = namedParametersOf(
      {
        ssrc: 100,
        rtxSsrc: 200,
        codec: { payloadType: 96 },
        rtxPayloadType: 97,
        mid: "0",
        headerExtensions: Object.entries(EXTENSIONS).map(([id, uri]) => ({ id: Number(id), uri })),
      },
      rid,
      isFirst,
    );
    const session = new MediaSession({
      clock,
      parameters,
      keys: { local, remote },
      everySecond: (act) => clock.every(1000, act),
      sealerOf: (sessionKeys) => new NodeSealer(sessionKeys),
      route: () => ({
        address: { ip: "192.0.2.7", port: 40_000 },
        protocol: "udp",
        send() {},
        sendMedia: (sealer, header, payload, index) =>
          sent.push(RtpPacket.deSerialize(srtp.decrypt(Buffer.from(sealer.seal(header, payload, index))))),
      }),
      keyframeNeeded,
      received() {},
      wants: undefined,
      left() {},
      counters: { packets: 0, repairs: 0, parity: 0, refusedRtcp: 0, refusedSctp: 0 },
    });
    const frame = encodedFrame(1, clock.now());
    session.send(new PacketHistory(clock).add(frame, new Packetizer().packetize(frame)));
    const named = ({ header }: RtpPacket) =>
      Object.fromEntries(header.extensions.map(({ id, payload }) => [id, payload.toString()]));
    return { session, sent, named, keyframeNeeded, parameters };
  }

  test("name their section and rendition, and retransmissions the rendition that they repair", () => {
    const [full, half] = [open("f", true), open("h", false)];
    for (const [rid, { sent, named, session, parameters }] of [
      ["f", full],
      ["h", half],
    ] as const) {
      const [packet] = sent;
      expect(packet && named(packet)).toEqual({ 1: "0", 2: rid });
      expect(packet?.header).toMatchObject({ ssrc: parameters.media.ssrc, payloadType: 96 });
      const nack = new GenericNack({
        senderSsrc: 1,
        mediaSourceSsrc: parameters.media.ssrc,
        lost: [packet?.header.sequenceNumber ?? 0],
      });
      session.receive(srtcp.encrypt(new RtcpTransportLayerFeedback({ feedback: nack }).serialize()));
      const [, repair] = sent;
      expect(repair && named(repair)).toEqual({ 1: "0", 3: rid });
      expect(repair?.header).toMatchObject({ ssrc: parameters.rtx?.ssrc, payloadType: 97 });
      session.close();
    }
    expect(full.parameters).toMatchObject({ media: { ssrc: 100 }, rtx: { ssrc: 200 } });
    const ssrcs = [full, half].flatMap(({ parameters: { media, rtx } }) => [media.ssrc, rtx?.ssrc]);
    expect(new Set(ssrcs).size).toBe(4);
  });

  test("have their rendition's SSRC, so that a keyframe request reaches that rendition only", () => {
    const [full, half] = [open("f", true), open("h", false)];
    const feedback = new PictureLossIndication({ senderSsrc: 1, mediaSsrc: half.parameters.media.ssrc });
    const sealed = srtcp.encrypt(new RtcpPayloadSpecificFeedback({ feedback }).serialize());
    for (const { session } of [full, half]) session.receive(sealed);
    expect(full.keyframeNeeded).not.toHaveBeenCalled();
    expect(half.keyframeNeeded).toHaveBeenCalledOnce();
    for (const { session } of [full, half]) session.close();
  });
});
