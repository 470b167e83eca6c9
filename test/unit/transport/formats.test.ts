import { describe, expect, test } from "vitest";
import { chooseFormat, withFormat } from "../../../src/transport/sdp/formats.ts";

const sdp = (...lines: string[]) => lines.map((line) => `${line}\r\n`).join("");

/** Chromium's offer, shortened. */
const OFFER = sdp(
  "v=0",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
  "a=sctp-port:5000",
  "m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 109 114 98",
  "a=rtpmap:96 VP8/90000",
  "a=rtcp-fb:96 nack",
  "a=rtpmap:97 rtx/90000",
  "a=fmtp:97 apt=96",
  "a=rtpmap:103 H264/90000",
  "a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f",
  "a=rtpmap:104 rtx/90000",
  "a=fmtp:104 apt=103",
  "a=rtpmap:109 H264/90000",
  "a=rtcp-fb:109 nack pli",
  "a=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
  "a=rtpmap:114 rtx/90000",
  "a=fmtp:114 apt=109",
  "a=rtpmap:98 VP9/90000",
  "a=mid:0",
);

describe("the format", () => {
  test("is of the first preferred codec that is offered", () => {
    expect(chooseFormat(OFFER, ["vp8", "h264"])).toEqual({ codec: "vp8", payloadType: 96, rtx: 97 });
    expect(chooseFormat(OFFER, ["h264", "vp8"])).toEqual({ codec: "h264", payloadType: 109, rtx: 114 });
    expect(chooseFormat(OFFER, [])).toBeUndefined();
    expect(chooseFormat(sdp("m=video 9 x 98", "a=rtpmap:98 VP9/90000"), ["h264", "vp8"])).toBeUndefined();
  });

  test("is H.264 if the offer's media line begins with it, and the server has it", () => {
    const asking = OFFER.replace("SAVPF 96 97 103 104 109 114 98", "SAVPF 98 109 114 103 104 96 97");
    expect(chooseFormat(asking, ["vp8", "h264"])).toEqual({ codec: "h264", payloadType: 109, rtx: 114 });
    expect(chooseFormat(asking, ["vp8"])).toEqual({ codec: "vp8", payloadType: 96, rtx: 97 });
  });

  test("has a payload type below 128", () => {
    expect(chooseFormat(sdp("m=video 9 x 999", "a=rtpmap:999 VP8/90000"), ["vp8"])).toBeUndefined();
  });

  test("is read in any case, and may have no RTX", () => {
    const offer = sdp("m=video 9 x 96", "a=rtpmap:96 vp8/90000");
    expect(chooseFormat(offer, ["vp8"])).toEqual({ codec: "vp8", payloadType: 96, rtx: undefined });
  });

  test.each([
    ["", "av1"],
    ["level-idx=5;profile=0;tier=0", "av1"],
    ["profile=1", undefined],
  ] as const)("is AV1 only in the main profile: %s", (parameters, codec) => {
    const offer = sdp(
      "m=video 9 x 45",
      "a=rtpmap:45 AV1/90000",
      ...(parameters ? [`a=fmtp:45 ${parameters}`] : []),
    );
    expect(chooseFormat(offer, ["vp8", "av1"])?.codec).toBe(codec);
  });

  test("falls back to H.264 in single NAL unit mode", () => {
    const offer = (...parameters: string[]) =>
      sdp(
        "m=video 9 x 96",
        ...parameters.flatMap((one, n) => [`a=rtpmap:${96 + n} H264/90000`, `a=fmtp:${96 + n} ${one}`]),
      );
    const [mode0, unsaid, mode1] = [
      "packetization-mode=0;profile-level-id=42e01f",
      "profile-level-id=42e01f",
      "packetization-mode=1;profile-level-id=42e01f",
    ] as const;
    expect(chooseFormat(offer(mode0), ["h264"])).toMatchObject({ codec: "h264-single", payloadType: 96 });
    expect(chooseFormat(offer(unsaid), ["h264"])).toMatchObject({ codec: "h264-single" });
    expect(chooseFormat(offer(mode0, mode1), ["h264"])).toMatchObject({ codec: "h264", payloadType: 97 });
    expect(chooseFormat(offer(mode0), ["vp8"])).toBeUndefined();
  });

  test.each([
    ["interleaved units", "packetization-mode=2;profile-level-id=42e01f"],
    ["the full baseline profile", "packetization-mode=1;profile-level-id=42001f"],
    ["the high profile", "packetization-mode=1;profile-level-id=640c1f"],
    ["an unknown profile", "packetization-mode=1"],
  ])("is not H.264 with %s", (_, parameters) => {
    const offer = sdp("m=video 9 x 96", "a=rtpmap:96 H264/90000", `a=fmtp:96 ${parameters}`);
    expect(chooseFormat(offer, ["h264"])).toBeUndefined();
  });
});

test("an offer with one format loses the lines of the others, and nothing else", () => {
  const format = chooseFormat(OFFER, ["h264"]);
  if (!format) throw new Error("no format");
  expect(withFormat(OFFER, format)).toBe(
    sdp(
      "v=0",
      "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
      "a=sctp-port:5000",
      "m=video 9 UDP/TLS/RTP/SAVPF 109 114",
      "a=rtpmap:109 H264/90000",
      "a=rtcp-fb:109 nack pli",
      "a=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
      "a=rtpmap:114 rtx/90000",
      "a=fmtp:114 apt=109",
      "a=mid:0",
    ),
  );
});
