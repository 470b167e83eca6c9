import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { iceConfiguration } from "../../../src/network/ice-servers.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const SERVERS = ["stun:stun.example:3478", "turn:turn.example?transport=tcp", "turns:[2001:db8::1]:443"];
const none = { iceServers: undefined, turnSecret: undefined, turnUser: undefined, relayOnly: false };

describe("the ICE configuration of viewers", () => {
  test("has no servers by default", () => {
    expect(iceConfiguration(none, new FakeClock())()).toEqual({ iceServers: [] });
  });

  test("has credentials made from the secret, valid for an hour and different each time", async () => {
    const clock = new FakeClock(1_795_370_000_123);
    const next = iceConfiguration({ ...none, iceServers: SERVERS, turnSecret: "north" }, clock);
    const [stun, turn, turns] = next().iceServers;
    expect(stun).toEqual({ urls: SERVERS[0] });
    expect(turn?.username).toMatch(/^1795373601:[0-9a-f]{12}$/);
    expect(turn?.credential).toBe(
      createHmac("sha1", "north")
        .update(turn?.username ?? "")
        .digest("base64"),
    );
    expect(turns).toEqual({ ...turn, urls: SERVERS[2] });
    expect(next().iceServers[1]?.username).not.toBe(turn?.username);
    await clock.advance(10_000);
    expect(next().iceServers[1]?.username).toMatch(/^1795373611:/);
  });

  test("may have one name and password for all viewers", () => {
    const turnUser = { username: "viewers", credential: "pass:word" };
    const { iceServers } = iceConfiguration({ ...none, iceServers: SERVERS, turnUser }, new FakeClock())();
    expect(iceServers).toEqual([
      { urls: SERVERS[0] },
      { urls: SERVERS[1], ...turnUser },
      { urls: SERVERS[2], ...turnUser },
    ]);
  });

  test("requires relays with --relay-only", () => {
    const relayed = { ...none, iceServers: ["turn:turn.example"], turnSecret: "north", relayOnly: true };
    expect(iceConfiguration(relayed, new FakeClock())().iceTransportPolicy).toBe("relay");
  });
});
