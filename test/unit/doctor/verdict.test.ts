import { describe, expect, test } from "vitest";
import { type Findings, isPrivate, natOf, verdictOf } from "../../../src/doctor/verdict.ts";

const STUN = "stun:stun.example";
const at = (ip: string, port = 8081, url = STUN) => ({ url, address: { ip, port } });
const turn = (problem?: string) =>
  problem === undefined ? at("198.51.100.10", 50_000, "turn:t.example") : { url: "turn:t.example", problem };

const home: Findings = {
  ports: { page: 8080, video: 8081, videoMoves: false },
  states: { page: "free", video: "free" },
  loopback: false,
  addresses: ["192.168.1.5"],
  announced: [],
  container: false,
  proxied: false,
  seen: [],
  relays: [],
  programs: [{ state: "good", text: "VP8" }],
};

describe("the NAT", () => {
  test.each([
    ["is unknown if no server answered", [], undefined],
    ["is absent if the address is this machine's", [at("192.168.1.5")], "none"],
    ["is steady if the only server sees another address", [at("203.0.113.7")], "steady"],
    ["is steady if all servers see the same", [at("203.0.113.7"), at("203.0.113.7")], "steady"],
    ["is changing if they see different ports", [at("203.0.113.7"), at("203.0.113.7", 9)], "changing"],
    [
      "is known from the servers that answered",
      [{ url: STUN, problem: "no answer" }, at("203.0.113.7")],
      "steady",
    ],
  ] as const)("%s", (_, seen, kind) => {
    expect(natOf(seen, home.addresses)?.kind).toBe(kind);
  });

  test.each([
    ["10.1.2.3", true],
    ["172.31.0.1", true],
    ["172.32.0.1", false],
    ["100.64.0.1", true],
    ["203.0.113.7", false],
    ["fd00::1", true],
    ["2001:db8::1", false],
  ])("%s is private: %s", (ip, is) => {
    expect(isPrivate(ip)).toBe(is);
  });
});

describe("the one thing to change", () => {
  test.each<[string, Partial<Findings>, RegExp | undefined]>([
    ["is the host that only this machine can reach", { loopback: true }, /--host/],
    ["is the page's port if it is taken", { states: { page: "taken", video: "free" } }, /--port 8090/],
    [
      "is not the video's port if that may move",
      { states: { page: "free", video: "taken" }, ports: { page: 8080, video: 8081, videoMoves: true } },
      /public address/,
    ],
    [
      "is a port without special rights",
      { states: { page: "forbidden", video: "free" } },
      /--port 8080.*CAP_NET_BIND_SERVICE/,
    ],
    [
      "is the video's port if it is taken",
      { states: { page: "rendercast", video: "taken" } },
      /--rtc-port 8091/,
    ],
    [
      "is the TURN secret before what TURN would solve",
      { relays: [turn("401 Unauthorized")] },
      /--turn-secret/,
    ],
    ["is a TURN server that does not answer", { relays: [turn("no answer")] }, /t\.example does not relay/],
    [
      "is a STUN server that does not answer",
      { seen: [{ url: STUN, problem: "no answer" }] },
      /stun\.example/,
    ],
    [
      "is a problem that prevents the start before one that does not",
      {
        programs: [{ state: "bad", text: "?", change: "Add vp8.", prevents: true }],
        relays: [turn("no answer")],
      },
      /^Add vp8\.$/,
    ],
    [
      "is a failing encoder before the host",
      { programs: [{ state: "bad", text: "?", change: "Leave it out." }], loopback: true },
      /^Leave it out\.$/,
    ],
    ["is to ask for the public address if it is unknown", {}, /--ice-servers stun:HOST/],
    [
      "is to forward the ports behind a NAT",
      { seen: [at("203.0.113.7")] },
      /forward 8080 \(TCP\) and 8081 .* --announce 203\.0\.113\.7\./,
    ],
    [
      "is to map the ports of a container",
      { container: true },
      /-p 8080:8080 -p 8081:8081\/udp .* --announce/,
    ],
    [
      "is an announced address that is no longer this machine's",
      { announced: [{ host: "203.0.113.8", port: undefined }], seen: [at("203.0.113.7")] },
      /--announce 203\.0\.113\.7/,
    ],
    [
      "is nothing if the announced address is right",
      { announced: [{ host: "203.0.113.7", port: undefined }], seen: [at("203.0.113.7")] },
      undefined,
    ],
    [
      "is nothing if a name is announced",
      { announced: [{ host: "studio.example", port: 9000 }], seen: [at("203.0.113.7")] },
      undefined,
    ],
    ["is nothing without a NAT", { addresses: ["203.0.113.7"] }, undefined],
    ["is nothing if TURN relays", { seen: [at("203.0.113.7")], relays: [turn()] }, undefined],
  ])("%s", (_, found, change) => {
    const verdict = verdictOf({ ...home, ...found });
    if (change) expect(verdict.change).toMatch(change);
    else expect(verdict.change).toBeUndefined();
  });
});

test("the verdict says how the video reaches viewers elsewhere", () => {
  const far = (found: Partial<Findings>) => verdictOf({ ...home, ...found }).far;
  expect(far({ announced: [{ host: "2001:db8::7", port: 9000 }] })).toContain("video at [2001:db8::7]:9000,");
  expect(far({ addresses: ["203.0.113.7"] })).toContain("video at 203.0.113.7:8081,");
  expect(far({ seen: [at("203.0.113.7")] })).toContain("at best MJPEG");
  expect(far({ seen: [at("203.0.113.7")], relays: [turn()] })).toContain("video by TURN");
});
