import { describe, expect, test } from "vitest";
import { Meter } from "../../../web/player/figures/meter.ts";
import { figuresOf } from "../../../web/player/figures/statistics.ts";
import { type RawStats, readLink } from "../../../web/player/webrtc/link.ts";
import { type ConnectionOutcome, troubleOf } from "../../../web/player/webrtc/trouble.ts";

const report = (...all: RawStats[]) => new Map(all.map((stats) => [stats.id, stats]));
const inbound = {
  id: "V",
  type: "inbound-rtp",
  kind: "video",
  pliCount: 2,
  firCount: 1,
  packetsLost: 4,
  retransmittedPacketsReceived: 7,
  jitter: 0.003,
  decoderImplementation: "libvpx",
  powerEfficientDecoder: false,
};
const local = { id: "L", type: "local-candidate", candidateType: "prflx", protocol: "udp" };
const remote = { id: "R", type: "remote-candidate", address: "192.0.2.1", port: 8081 };
const pair = {
  id: "P",
  type: "candidate-pair",
  localCandidateId: "L",
  remoteCandidateId: "R",
  currentRoundTripTime: 0.012,
};

describe("readLink", () => {
  test("reads the selected path, the retransmissions and the decoder", () => {
    const other = { ...pair, id: "Q", nominated: true, state: "succeeded", localCandidateId: "" };
    const transport = { id: "T", type: "transport", selectedCandidatePairId: "P" };
    expect(readLink(report(inbound, other, local, remote, pair, transport), inbound)).toMatchObject({
      path: { candidate: "prflx", protocol: "udp", server: "192.0.2.1:8081" },
      roundTrip: 12,
      jitter: 3,
      packetsLost: 4,
      retransmitted: 7,
      keyframeRequests: 3,
      decoder: "libvpx",
      powerEfficient: false,
    });
  });

  test.each(["udp", "tcp", "tls", undefined])(
    "finds the pair in a browser without a transport report, and the relay protocol %s",
    (protocol) => {
      const chosen = { ...pair, selected: true };
      const relayed = { ...local, candidateType: "relay", relayProtocol: protocol };
      expect(readLink(report(inbound, chosen, relayed, remote), inbound).path).toMatchObject({
        candidate: "relay",
        protocol,
      });
    },
  );

  test("leaves out what a browser does not report", () => {
    const bare = { id: "V", type: "inbound-rtp", decoderImplementation: "unknown" };
    expect(Object.values(readLink(report(bare), bare)).filter((value) => value !== undefined)).toEqual([]);
  });
});

describe("figuresOf", () => {
  test("explains each figure in one sentence", () => {
    for (const transport of ["webrtc", "mjpeg"] as const) {
      const figures = figuresOf({ ...new Meter().stats(0), transport });
      expect(figures.length).toBeGreaterThan(6);
      for (const { explanation } of figures) expect(explanation).toMatch(/^[A-Z][^.]*\.$/);
    }
  });

  test("names the route and the rendition", () => {
    const link = readLink(report(inbound, local, remote, { ...pair, selected: true }), inbound);
    const stats = { ...new Meter().stats(0), transport: "webrtc" as const, link, level: 1, loss: 0.031 };
    const values = Object.fromEntries(figuresOf(stats).map(({ key, value }) => [key, value]));
    expect(values).toMatchObject({
      path: "UDP, direct or through a NAT",
      rendition: "full size, coarser",
      loss: "3.1 %",
      roundTrip: "12 ms",
      keyframes: "3",
      decoder: "libvpx",
    });
  });
});

describe("the route over a relay", () => {
  const path = (relayProtocol: string | undefined) => {
    const relayed = { ...local, candidateType: "relay", relayProtocol };
    const link = readLink(report(inbound, relayed, remote, { ...pair, selected: true }), inbound);
    const figures = figuresOf({ ...new Meter().stats(0), transport: "webrtc", link });
    return figures.find(({ key }) => key === "path")?.value;
  };

  test("names the protocol to the relay if the browser reports it", () => {
    expect(path("tls")).toBe("TLS, over a relay");
    expect(path(undefined)).toBe("over a relay");
  });
});

describe("troubleOf", () => {
  const answer = [
    "v=0",
    "a=candidate:udp 1 UDP 2130706431 192.0.2.1 8081 typ host",
    "a=candidate:tcp 1 TCP 2105524479 192.0.2.1 8081 typ host tcptype passive",
    "a=candidate:udp6 1 UDP 2130706430 fd00::1 8081 typ host",
    "",
  ].join("\r\n");
  const standing: ConnectionOutcome = {
    answer,
    connectionState: "connecting",
    iceState: "checking",
    byRelay: false,
  };
  const why = (all: RawStats[], other: Partial<ConnectionOutcome> = {}) =>
    troubleOf(report(...all), { ...standing, ...other });

  test("names the addresses that did not reply", () => {
    expect(why([local])).toBe(
      "WebRTC did not connect: no reply from 192.0.2.1:8081 or [fd00::1]:8081. A firewall may block port 8081 for UDP and TCP",
    );
  });

  test.each<[string, RawStats[], Partial<ConnectionOutcome>, RegExp]>([
    ["a server that did not answer", [], { answer: undefined }, /did not answer in time$/],
    ["a browser that has no candidates", [remote], {}, /An extension or a policy may block it$/],
    ["TURN servers that let nobody in", [remote], { byRelay: true }, /no TURN server could be reached/],
    ["encryption that fails", [local, remote], { iceState: "connected" }, /encryption/],
    [
      "video that cannot be decoded",
      [{ ...inbound, bytesReceived: 9 }],
      { connectionState: "connected" },
      /cannot decode/,
    ],
    ["video that does not come", [local], { connectionState: "connected" }, /no video arrives/],
  ])("explains %s", (_, all, other, words) => {
    expect(why(all, other)).toMatch(words);
  });
});
