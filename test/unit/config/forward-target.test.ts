import { expect, test } from "vitest";
import { readTarget } from "../../../src/config/forward-target.ts";
import { sessionDescription } from "../../../src/forward/rtp.ts";

test.each([
  ["rtp://127.0.0.1:5004", { kind: "rtp", host: "127.0.0.1", port: 5004 }],
  ["rtp://studio.example:5004/", { kind: "rtp", host: "studio.example", port: 5004 }],
  ["rtp://[2001:db8::7]:5004", { kind: "rtp", host: "2001:db8::7", port: 5004 }],
  ["whip+https://sfu.example/whip/main?x=1", { kind: "whip", url: "https://sfu.example/whip/main?x=1" }],
  ["whip+http://[::1]:7080/whip", { kind: "whip", url: "http://[::1]:7080/whip" }],
])("%s is a valid target", (text, target) => {
  expect(readTarget(text)).toEqual(target);
});

test.each([
  "",
  "studio.example:5004",
  "rtp://studio.example",
  "rtp://studio.example:0",
  // RTCP goes to the port above.
  "rtp://studio.example:65535",
  "rtp://studio.example:5004/path",
  "https://sfu.example/whip",
  "whip+ftp://sfu.example/whip",
  "whip+https://name:secret@sfu.example/whip",
])("'%s' is no valid target", (text) => {
  expect(readTarget(text)).toBeUndefined();
});

const stream = { name: "main", forward: () => ({ requestKeyframe() {}, move() {}, stop() {} }) };

test("the session description names the address, the port and the format", () => {
  expect(sessionDescription({ stream, codec: "vp8", address: "127.0.0.1", port: 5004 })).toBe(
    [
      "v=0",
      "o=- 0 0 IN IP4 127.0.0.1",
      "s=main",
      "c=IN IP4 127.0.0.1",
      "t=0 0",
      "m=video 5004 RTP/AVP 96",
      "a=rtpmap:96 VP8/90000",
      "",
    ].join("\r\n"),
  );
  const described = sessionDescription({ stream, codec: "h264", address: "2001:db8::7", port: 5004 });
  expect(described).toContain("c=IN IP6 2001:db8::7\r\n");
  expect(described).toMatch(/^a=fmtp:96 .*packetization-mode=1/m);
});
