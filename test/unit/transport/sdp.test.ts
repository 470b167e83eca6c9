import { describe, expect, test } from "vitest";
import {
  answerForBrowsers,
  fingerprintsOf,
  isVideoOffer,
  keepBundled,
  offerForWerift,
  restartAnswer,
} from "../../../src/transport/sdp/sdp.ts";

const sdp = (...lines: string[]) => lines.map((line) => `${line}\r\n`).join("");

const OFFER = sdp(
  "v=0",
  "o=- 1 1 IN IP4 127.0.0.1",
  "s=-",
  "t=0 0",
  "a=fingerprint:sha-256 AA:BB",
  "m=video 9 UDP/TLS/RTP/SAVPF 96",
  "a=ice-ufrag:abcd",
  "a=ice-pwd:0123456789012345678901",
  "a=rtpmap:96 VP8/90000",
  "a=rtcp-fb:96 rrtr",
  "a=rtcp-fb:96 transport-cc",
  "a=rtcp-fb:96 nack",
  "a=rtcp-fb:96 nack pli",
  "a=candidate:1 1 udp 2122260223 5a6b.local 50000 typ host",
  "a=candidate:2 1 udp 2122260222 192.168.1.7 50001 typ host",
  "a=end-of-candidates",
  "a=ssrc:7 cname:x",
);

describe("an offer", () => {
  test("loses candidates, unused feedback and streams, and nothing else", () => {
    const rewritten = offerForWerift(OFFER);
    expect(rewritten).not.toContain("candidate");
    expect(rewritten).not.toContain("ssrc");
    expect(rewritten).not.toContain("rrtr");
    expect(rewritten.split("\r\n")).toHaveLength(OFFER.split("\r\n").length - 5);
  });

  test("is distinguished from other texts", () => {
    expect(isVideoOffer(OFFER)).toBe(true);
    for (const text of [
      "",
      "v=0",
      "xxxx",
      sdp("v=0", "m=audio 9 UDP/TLS/RTP/SAVPF 0"),
      OFFER.replace("ice-pwd", "x"),
      // werift builds a transport for each section.
      `${OFFER}m=video 9 UDP/TLS/RTP/SAVPF 96\r\n`,
      OFFER + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n".repeat(4),
      OFFER + "a=x\r\n".repeat(1000),
    ]) {
      expect(isVideoOffer(text)).toBe(false);
    }
  });
});

describe("an answer", () => {
  const ANSWER = sdp(
    "v=0",
    "t=0 0",
    "m=video 9 UDP/TLS/RTP/SAVPF 96",
    "a=candidate:1 1 udp 1 192.168.1.7 50000 typ host",
    "a=candidate:2 1 udp 1 fd00::2 50001 typ host",
    "a=ice-lite",
  );

  const OURS = [
    "a=candidate:udp0 1 udp 9 192.168.1.7 8081 typ host",
    "a=candidate:tcp0 1 tcp 8 192.168.1.7 8081 typ host",
  ];

  test("has its ice-lite at session level", () => {
    const lines = answerForBrowsers(ANSWER, OURS).split("\r\n");
    expect(lines.filter((line) => line === "a=ice-lite")).toHaveLength(1);
    expect(lines.indexOf("a=ice-lite")).toBeLessThan(lines.findIndex((line) => line.startsWith("m=")));
  });

  test("has an msid if it has a stream for retransmissions", () => {
    const named = (answer: string) => answerForBrowsers(answer, OURS).match(/^a=msid:/gm) ?? [];
    expect(named(ANSWER)).toHaveLength(0);
    expect(named(`${ANSWER}a=ssrc-group:FID 1 2\r\n`)).toHaveLength(1);
    expect(named(`${ANSWER}a=msid:own video\r\na=ssrc-group:FID 1 2\r\n`)).toHaveLength(1);
  });

  test("has our port's candidates instead of others, once", () => {
    expect(answerForBrowsers(ANSWER, OURS).match(/^a=candidate.*$/gm)).toEqual(OURS);
  });
});

describe("fingerprints", () => {
  const named = (...values: string[]) =>
    fingerprintsOf(sdp("v=0", ...values.map((value) => `a=fingerprint:${value}`)));

  test("are equal regardless of place, repetition and case", () => {
    const one = named("sha-256 AA:BB");
    expect(one).not.toBe("");
    expect(named("SHA-256 aa:bb", "sha-256 AA:BB")).toBe(one);
    expect(named("sha-256 AA:BB", "sha-1 01:02")).toBe(named("sha-1 01:02", "sha-256 AA:BB"));
    expect(fingerprintsOf(OFFER)).toBe(one);
  });

  test("differ by a byte, the hash, or an additional one", () => {
    const one = named("sha-256 AA:BB");
    for (const other of [
      named("sha-256 AA:BC"),
      named("sha-384 AA:BB"),
      named("sha-256 AA:BB", "sha-256 AA:BC"),
      named("sha-256"),
      named(),
    ]) {
      expect(other).not.toBe(one);
    }
  });
});

describe("the answer to a restart", () => {
  const BEFORE = sdp(
    "v=0",
    "o=- 1234567890123456789 7 IN IP4 0.0.0.0",
    "s=-",
    "t=0 0",
    "m=video 9 UDP/TLS/RTP/SAVPF 96",
    "a=ice-ufrag:old",
    "a=ice-pwd:an old password of many",
    "a=fingerprint:sha-256 AA:BB",
    "a=ssrc:1 cname:x",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "a=ice-ufrag:old",
    "a=ice-pwd:an old password of many",
  );
  const credentials = { fragment: "new", password: "a new password of many" };

  test("has new credentials in each section and the next version, and is otherwise unchanged", () => {
    expect(restartAnswer(BEFORE, credentials)).toBe(
      BEFORE.replaceAll("ufrag:old", "ufrag:new")
        .replaceAll("an old password", "a new password")
        .replace("789 7 IN", "789 8 IN"),
    );
  });

  test("increments versions above the safe integers too", () => {
    const twice = restartAnswer(restartAnswer(BEFORE, credentials), credentials);
    expect(twice).toContain("o=- 1234567890123456789 9 IN");
    const large = BEFORE.replace(" 7 ", " 18446744073709551614 ");
    expect(restartAnswer(large, credentials)).toContain("789 18446744073709551615 IN");
  });
});

test("an answer keeps the section that owns the bundle's transport, even if it is rejected", () => {
  const offer = sdp("v=0", "a=group:BUNDLE 0 1", "m=audio 9 X 111", "a=mid:0", "m=video 9 X 96", "a=mid:1");
  const ours = ["a=candidate:1 1 udp 1 192.0.2.1 9 typ host", "a=end-of-candidates"];
  const head = ["v=0", "a=group:BUNDLE 1"];
  const audio = (port: number) => [`m=audio ${port} X 111`, "a=inactive", "a=mid:0"];
  const video = ["m=video 9 X 96", "a=mid:1"];
  expect(keepBundled(sdp(...head, ...audio(0), ...video, ...ours), offer)).toBe(
    sdp("v=0", "a=group:BUNDLE 0 1", ...audio(9), "a=rtcp-mux", ...ours, ...video),
  );
  // Other rejected sections stay rejected, and so do those outside the bundle.
  const answer = sdp(...head, ...video, ...ours, ...audio(0));
  expect(keepBundled(answer, offer.replace("BUNDLE 0 1", "BUNDLE 1 0"))).toBe(answer);
  expect(keepBundled(answer, offer.replace("a=group:BUNDLE 0 1\r\n", ""))).toBe(answer);
});
