import { EventEmitter } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { limitConnections, requestGate } from "../../../src/access/address-limits.ts";
import { Proxies } from "../../../src/access/proxies.ts";
import { RateLimit } from "../../../src/access/rate-limit.ts";
import { pageHeaders } from "../../../src/access/security-headers.ts";
import { FullError, Seats } from "../../../src/broadcast/seats.ts";
import { addressKey, readNetwork } from "../../../src/network/ip.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const none = new Proxies([], () => {});

describe("the client of a request", () => {
  const clientOf = (proxies: Proxies, address: string | undefined, forwarded?: string | string[]) =>
    proxies.clientOf({
      address,
      headers: forwarded === undefined ? {} : { "x-forwarded-for": forwarded as string },
    });

  test("is the remote address of its connection, whatever its headers say", () => {
    expect(clientOf(none, "192.0.2.1", "10.0.0.1")).toBe("192.0.2.1");
    expect(clientOf(none, "::ffff:192.0.2.1")).toBe("192.0.2.1");
    expect(clientOf(none, undefined, "10.0.0.1")).toBeUndefined();
    expect(clientOf(new Proxies(["10.0.0.1"], () => {}), "192.0.2.1", "203.0.113.5")).toBe("192.0.2.1");
  });

  test("is the last address that a trusted proxy adds, never one that the client forged", () => {
    const proxies = new Proxies(["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"], () => {});
    expect(clientOf(proxies, "127.0.0.1", "203.0.113.5")).toBe("203.0.113.5");
    expect(clientOf(proxies, "::ffff:127.0.0.1", "127.0.0.1, 203.0.113.5")).toBe("203.0.113.5");
    expect(clientOf(proxies, "127.0.0.1", "198.51.100.1, 203.0.113.5, 10.1.2.3")).toBe("203.0.113.5");
    expect(clientOf(proxies, "2001:db8::7", "2001:db9::1")).toBe("2001:db9::1");
    expect(clientOf(proxies, "127.0.0.1", "[2001:db9::1]:4711")).toBe("2001:db9::1");
    expect(clientOf(proxies, "127.0.0.1", "203.0.113.5:4711")).toBe("203.0.113.5");
  });

  test("is the proxy itself if that sends no valid address", () => {
    const proxies = new Proxies(["127.0.0.1", "10.0.0.0/8"], () => {});
    for (const nothing of [undefined, "", "unknown", "203.0.113.5, evil", ", ,"])
      expect(clientOf(proxies, "127.0.0.1", nothing)).toBe("127.0.0.1");
    expect(clientOf(proxies, "127.0.0.1", "10.0.0.1, 10.0.0.2")).toBe("10.0.0.1");
  });

  test("an untrusted proxy in the local network is reported once, one elsewhere is ignored", () => {
    const told: string[] = [];
    const proxies = new Proxies([], (proxy) => told.push(proxy));
    clientOf(proxies, "192.0.2.1", "10.0.0.1");
    expect(told).toEqual([]);
    for (let n = 0; n < 3; n++) clientOf(proxies, "127.0.0.1", "203.0.113.5");
    expect(told).toEqual(["127.0.0.1"]);
  });

  test("uses the origin that a trusted proxy states, or else its own Host", () => {
    const proxies = new Proxies(["127.0.0.1"], () => {});
    const headers = {
      host: "localhost:8080",
      "x-forwarded-host": "example.com",
      "x-forwarded-proto": "https",
    };
    expect(proxies.originOf({ headers, address: "127.0.0.1" }, false)).toBe("https://example.com");
    expect(proxies.originOf({ headers, address: "192.0.2.1" }, false)).toBe("http://localhost:8080");
    expect(proxies.originOf({ headers, address: "192.0.2.1" }, true)).toBe("https://localhost:8080");
    const odd = { ...headers, "x-forwarded-proto": "javascript" };
    expect(proxies.originOf({ headers: odd, address: "127.0.0.1" }, false)).toBe("http://example.com");
  });

  test.each(["10.0.0.0/33", "10.0.0/8", "::/129", "/8", "10.0.0.0/", "10.0.0.0/8/8", "localhost", "*", ""])(
    "'%s' is no network",
    (text) => expect(readNetwork(text)).toBeUndefined(),
  );
});

test.each([
  ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true],
  ["2001:db8:1:2::1", "2001:db8:1:3::1", false],
  ["::ffff:192.0.2.1", "192.0.2.1", true],
  ["192.0.2.1", "192.0.2.2", false],
  ["fe80::1%eth0", "fe80::2%eth1", true],
])("%s and %s count as one: %s", (a, b, same) => {
  expect(addressKey(a) === addressKey(b)).toBe(same);
});

describe("a rate", () => {
  test("allows a burst, then a number per second, for each address", async () => {
    const clock = new FakeClock();
    const limit = new RateLimit(clock, { burst: 3, perSecond: 2 });
    const tries = (key: string, count: number) => Array.from({ length: count }, () => limit.exceeds(key));
    expect(tries("a", 4)).toEqual([false, false, false, true]);
    expect(tries("b", 1)).toEqual([false]);
    await clock.advance(500);
    expect(tries("a", 2)).toEqual([false, true]);
    await clock.advance(3_600_000);
    expect(tries("a", 4)).toEqual([false, false, false, true]);
  });

  test("uses bounded memory, and keeps the most recent addresses", () => {
    const limit = new RateLimit(new FakeClock(), { burst: 1, perSecond: 1 });
    limit.exceeds("first");
    for (let n = 0; n < 19_998; n++) limit.exceeds(`other ${n}`);
    expect(limit.exceeds("first")).toBe(true);
    for (let n = 0; n < 19_999; n++) limit.exceeds(`further ${n}`);
    expect(limit.exceeds("first")).toBe(true);
    for (let n = 0; n < 40_000; n++) limit.exceeds(`last ${n}`);
    expect(limit.exceeds("first")).toBe(false);
  });

  test("that must not forget refuses new addresses while its table is full, until a known address has recovered", async () => {
    const clock = new FakeClock();
    const limit = new RateLimit(clock, { burst: 2, perSecond: 0.01 }, { maxKeys: 2, whenFull: "refuse" });
    expect(["a", "b"].map((key) => limit.exceeds(key))).toEqual([false, false]);
    expect([limit.exceeds("c"), limit.isSpent("a")]).toEqual([true, false]);
    await clock.advance(100_000);
    expect(limit.exceeds("a")).toBe(false);
    expect(limit.exceeds("c")).toBe(false);
    expect(limit.exceeds("b")).toBe(true);
  });
});

describe("requests", () => {
  const request = (address: string, headers = {}) =>
    ({ headers, socket: { remoteAddress: address } }) as unknown as IncomingMessage;

  test("beyond the limit of an address get 429, or are not upgraded", () => {
    const gate = requestGate(new FakeClock(), none);
    const answers: unknown[] = [];
    const response = {
      writeHead: (status: number, headers: unknown) => answers.push(status, headers),
      end: (text: string) => answers.push(text),
    } as unknown as ServerResponse;
    let passed = 0;
    for (let n = 0; n < 700; n++) gate(request("192.0.2.1"), response, () => passed++);
    expect(passed).toBe(600);
    expect(answers.slice(0, 3)).toEqual([
      429,
      expect.objectContaining({ "Retry-After": "1" }),
      expect.stringMatching(/^[A-Z].*\.\n$/),
    ]);
    const before = answers.length;
    const errors: unknown[] = [];
    gate(request("192.0.2.1", { upgrade: "websocket" }), response, (error) => errors.push(error));
    expect(errors).toEqual([expect.any(Error)]);
    expect(answers).toHaveLength(before);
    gate(request("192.0.2.2"), response, () => passed++);
    expect(passed).toBe(601);
  });

  test("for health checks have a separate limit for each address", () => {
    const [clock, response] = [
      new FakeClock(),
      { writeHead: () => {}, end: () => {} } as unknown as ServerResponse,
    ];
    const [gate, checks] = [requestGate(clock, none), requestGate(clock, none, "checks")];
    let passed = 0;
    for (let n = 0; n < 700; n++) gate(request("192.0.2.1"), response, () => {});
    for (let n = 0; n < 300; n++) checks(request("192.0.2.1"), response, () => passed++);
    expect(passed).toBe(100);
  });

  test("have their connection closed beyond the limit of an address, except from this machine, trusted proxies and joined servers", () => {
    const server = new EventEmitter();
    const proxies = new Proxies(["10.0.0.1"], () => {});
    limitConnections(server as Server, proxies, (address) => address === "10.0.0.2");
    const connect = (remoteAddress: string) => {
      const socket = Object.assign(new EventEmitter(), {
        remoteAddress,
        destroyed: false,
        destroy: () => {
          socket.destroyed = true;
        },
      });
      server.emit("connection", socket);
      return socket;
    };
    const many = (address: string) => Array.from({ length: 300 }, () => connect(address));
    const open = (sockets: ReturnType<typeof many>) => sockets.filter(({ destroyed }) => !destroyed);
    for (const address of ["127.0.0.1", "::1", "10.0.0.1", "10.0.0.2"])
      expect(open(many(address))).toHaveLength(300);
    const first = open(many("192.0.2.1"));
    expect(first).toHaveLength(256);
    expect(open(many("192.0.2.2"))).toHaveLength(256);
    for (const socket of first.slice(0, 5)) socket.emit("close");
    expect(open(many("192.0.2.1"))).toHaveLength(5);
  });
});

describe("seats", () => {
  const taken = (seats: Seats, stream: string, address: string) => {
    try {
      return seats.take(stream, address);
    } catch (error) {
      expect(error).toBeInstanceOf(FullError);
      return (error as Error).message;
    }
  };

  test("are limited in total, per stream and per address, and a freed seat is free for all", () => {
    const seats = new Seats({ total: 4, perStream: 3, perAddress: 2 });
    const first = taken(seats, "a", "one");
    taken(seats, "a", "one");
    expect(taken(seats, "a", "one")).toMatch(/^Your network's address has no room/);
    taken(seats, "a", "two");
    expect(taken(seats, "a", "two")).toMatch(/^This stream has no room/);
    taken(seats, "b", "two");
    expect(taken(seats, "b", "three")).toMatch(/^This server has no room/);
    if (typeof first === "string") throw new Error(first);
    first();
    first();
    expect(taken(seats, "b", "one")).toBeTypeOf("function");
    expect(taken(seats, "b", "three")).toMatch(/^This server has no room/);
  });
});

describe("web pages", () => {
  test("of the server run nothing inline, and only /embed shows in others' frames", () => {
    const policy = (host: string | undefined, embeddable: boolean) =>
      pageHeaders(host, "http://studio:8080", embeddable)["Content-Security-Policy"] ?? "";
    expect(policy("studio:8080", false)).toContain("connect-src 'self' ws://studio:8080 wss://studio:8080;");
    expect(policy("studio:8080", false)).toMatch(/frame-ancestors 'self'$/);
    expect(policy("studio:8080", true)).toMatch(/frame-ancestors \*$/);
    expect(policy("studio", false)).not.toMatch(/unsafe/);
    // Invalid host names are not repeated.
    for (const host of ["x; script-src *", "x y", undefined])
      expect(policy(host, false)).toContain("connect-src 'self';");
  });

  test.each([
    ["https://studio.example", true],
    ["http://localhost:8080", true],
    ["http://127.0.0.1", true],
    ["http://[::1]:8080", true],
    ["http://192.168.1.5:8080", false],
    ["http://localhost.example", false],
  ])(
    "at %s have Cross-Origin-Opener-Policy: %s (browsers warn about it on insecure origins)",
    (origin, tells) => {
      expect("Cross-Origin-Opener-Policy" in pageHeaders("studio", origin, false)).toBe(tells);
    },
  );
});
