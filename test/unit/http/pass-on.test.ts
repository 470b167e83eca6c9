import type { IncomingMessage } from "node:http";
import { SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import type { Vouched } from "../../../src/access/proxies.ts";
import type { EpochMs } from "../../../src/base/clock.ts";
import { PASSED_ON, PassedOn, vouch } from "../../../src/cluster/passed-on.ts";
import { pathOf } from "../../../src/http/pass-on.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

describe("a forwarded request", () => {
  const asked = { method: "GET", path: "/streams/film?timed=", client: "192.0.2.7", proto: "https" } as const;

  function receiver(self = "b") {
    const clock = new FakeClock();
    const believed: Vouched[] = [];
    const passedOn = new PassedOn({ self, clock, believe: (_headers, vouched) => believed.push(vouched) });
    const read = async (header: string, method: string = asked.method, url: string = asked.path) => {
      const request = { headers: { [PASSED_ON]: header }, method, url } as unknown as IncomingMessage;
      await passedOn.read(request);
      expect(passedOn.isForged(request)).toBe(!passedOn.has(request));
      return passedOn.has(request);
    };
    const to = { id: self, key: passedOn.key, now: () => clock.now() };
    return { clock, believed, passedOn, read, to };
  }

  test("has the client that the server which signed it states", async () => {
    const { believed, read, to } = receiver();
    expect(await read(await vouch(to, asked))).toBe(true);
    expect(await read(await vouch(to, { ...asked, client: undefined, proto: "http" }))).toBe(true);
    expect(believed).toEqual([
      { client: "192.0.2.7", proto: "https" },
      { client: undefined, proto: "http" },
    ]);
  });

  test("is valid for one method, path and server only, and for some seconds", async () => {
    const { believed, clock, read, to } = receiver();
    const signed = await vouch(to, asked);
    expect(await read(signed, "POST")).toBe(false);
    expect(await read(signed, "GET", "/streams/other?timed=")).toBe(false);
    expect(await read(signed, "GET", "/streams/film")).toBe(false);
    expect(await read(await vouch({ ...to, id: "c" }, asked))).toBe(false);
    expect(await read(await vouch({ ...to, key: receiver().passedOn.key }, asked))).toBe(false);
    const early = () => (clock.now() + 20_000) as EpochMs;
    expect(await read(await vouch({ ...to, now: early }, asked))).toBe(false);
    await clock.advance(20_000);
    expect(await read(signed)).toBe(false);
    expect(believed).toEqual([]);
  });

  test("is forged if its header is not signed, or its claims are wrong", async () => {
    const { believed, read, passedOn, to } = receiver();
    const key = Buffer.from(passedOn.key, "base64url");
    const signed = (claims: Record<string, unknown>, alg = "HS256") =>
      new SignJWT(claims).setProtectedHeader({ alg }).setAudience(to.id).setIssuedAt(1000).sign(key);
    const none = Buffer.from('{"alg":"none"}').toString("base64url");
    for (const header of [
      "",
      "1",
      `${none}.e30.`,
      await signed({}),
      await signed({ proto: "ftp", request: "x" }),
    ])
      expect(await read(header)).toBe(false);
    expect(believed).toEqual([]);
  });

  test("is no forwarded request without the header, and not forged either", async () => {
    const { passedOn } = receiver();
    const request = { headers: {}, method: "GET", url: "/" } as IncomingMessage;
    await passedOn.read(request);
    expect([passedOn.has(request), passedOn.isForged(request)]).toEqual([false, false]);
  });
});

describe("the path of a forwarded request", () => {
  test.each([
    ["GET", [], "/streams/film", "/streams/film"],
    ["HEAD", ["mjpeg"], "http://evil.example/streams/film/mjpeg?timed", "/streams/film/mjpeg?timed="],
    ["GET", ["snapshot.jpg"], "/x?token=a.b.c&t=%0a#?", "/streams/film/snapshot.jpg?token=a.b.c&t=%0A%23%3F"],
    ["PATCH", ["whep", "0a-1"], "/streams/film/whep/0a-1?", "/streams/film/whep/0a-1"],
  ])("is built from its parts for %s %j", (method, segments, address, path) => {
    expect(pathOf(method, "film", segments, address)).toBe(path);
  });

  test.each(["", ".", "..", "a/b", "a\\b", "%2e", "a b", "a\r\nb", "é", "x".repeat(129)])(
    "is refused with the part %j",
    (segment) => {
      expect(pathOf("GET", "film", [segment], "/")).toBeUndefined();
      expect(pathOf("GET", "film", ["whep", segment], "/")).toBeUndefined();
      expect(pathOf("GET", segment, [], "/")).toBeUndefined();
    },
  );

  test.each(["PUT", "TRACE", "CONNECT", "OPTIONS", "PROPFIND", "get"])(
    "is refused with the method %s",
    (method) => {
      expect(pathOf(method, "film", [], "/streams/film")).toBeUndefined();
    },
  );
});
