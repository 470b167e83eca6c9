import { expect, test } from "vitest";
import {
  credentialsOf,
  fragmentOf,
  iceSessionsOf,
  isFragment,
  withCredentials,
} from "../../../src/http/whep/fragment.ts";

const sdp = (...lines: string[]) => lines.map((line) => `${line}\r\n`).join("");
const ICE = ["a=ice-ufrag:EsAw", "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1"];
const CANDIDATE = "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host";

/** The draft's example (section 4.5.2). */
const FRAGMENT = sdp(
  "a=group:BUNDLE 0 1",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "a=mid:0",
  ...ICE,
  CANDIDATE,
  "a=end-of-candidates",
);

test("a fragment is distinguished from other texts", () => {
  expect(isFragment(FRAGMENT)).toBe(true);
  for (const text of ["", "\r\n", "v=0\r\n", `v=0\r\n${FRAGMENT}`, "{}", "a=candidate:1\r\n".repeat(401)])
    expect(isFragment(text)).toBe(false);
});

test("a fragment identifies its ICE session by one pair of credentials", () => {
  expect(iceSessionsOf(FRAGMENT)).toEqual(["EsAw"]);
  const credentials = { fragment: "EsAw", password: "P2uYro0UCOQ4zxjKXaWCBui1" };
  expect(credentialsOf(FRAGMENT)).toEqual(credentials);
  // Each section of a bundle may repeat them.
  expect(credentialsOf(FRAGMENT + sdp("m=video 9 X 96", ...ICE))).toEqual(credentials);
  expect(credentialsOf(FRAGMENT + sdp("m=video 9 X 96", "a=ice-ufrag:another"))).toBeUndefined();
  expect(credentialsOf(sdp("a=ice-ufrag:EsAw"))).toBeUndefined();
});

test("an offer with other credentials is unchanged, but has no candidates", () => {
  const offer = sdp("v=0", "m=video 9 X 96", ...ICE, CANDIDATE, "a=mid:0", "a=end-of-candidates");
  expect(withCredentials(offer, { fragment: "ne$&w", password: "secret" })).toBe(
    sdp("v=0", "m=video 9 X 96", "a=ice-ufrag:ne$&w", "a=ice-pwd:secret", "a=mid:0"),
  );
});

test("an answer's fragment has only its ICE lines", () => {
  const answer = sdp(
    "v=0",
    "s=-",
    "a=group:BUNDLE 1",
    "a=ice-lite",
    "m=audio 0 X 111",
    "a=mid:0",
    "m=video 9 X 96",
    "c=IN IP4 0.0.0.0",
    ...ICE,
    "a=mid:1",
    "a=rtpmap:96 VP8/90000",
    CANDIDATE,
  );
  expect(fragmentOf(answer)).toBe(
    sdp(
      "a=group:BUNDLE 1",
      "a=ice-lite",
      "m=video 9 X 96",
      ...ICE,
      "a=mid:1",
      CANDIDATE,
      "a=end-of-candidates",
    ),
  );
});
