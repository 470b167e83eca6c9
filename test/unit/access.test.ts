import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { isLoopback, mayPublish, refusalOf } from "../../src/access.ts";

const TOKEN = "correct horse";
interface Server {
  readonly token?: string;
  readonly own?: string;
  readonly local?: boolean;
  readonly name?: string;
}

const ask = (
  address: string | undefined,
  headers: Record<string, string> = {},
  { token, own, local = false, name }: Server = { token: TOKEN },
  httpVersion = "1.1",
) => {
  const sent = { host: "localhost:8080", ...headers };
  const request = { socket: { remoteAddress: address }, headers: sent, httpVersion };
  return mayPublish(request as unknown as IncomingMessage, { publish: token, own }, local, name);
};

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

describe("who may publish", () => {
  test.each(["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])("this machine, as %s", (address) => {
    expect(ask(address)).toBe("here");
    expect(ask(address, {}, {})).toBe("here");
    expect(isLoopback(address)).toBe(true);
  });

  test("this machine over the Unix socket, which has no addresses", () => {
    expect(ask(undefined, {}, { token: TOKEN, local: true })).toBe("here");
  });

  test.each([
    "192.0.2.2",
    "::ffff:192.0.2.2",
    "10.0.0.1",
    "fe80::1%eth0",
    "::",
    "1.127.0.0",
    "::2",
    "::127.0.0.1",
  ])("nobody at %s without the token", (address) => {
    expect(ask(address)).toBe("missing");
    expect(isLoopback(address)).toBe(false);
  });

  test("nobody whose connection was reset before the request was read: that has no address either", () => {
    expect(ask(undefined)).toBe("missing");
    expect(ask(undefined, bearer(TOKEN))).toBe("token");
    expect(isLoopback(undefined)).toBe(false);
  });

  test.each(["192.0.2.2", "127.0.0.1", "::1", undefined])("whoever has the token, at %s", (address) => {
    expect(ask(address, bearer(TOKEN))).toBe("token");
    expect(ask(address, { authorization: `bearer ${TOKEN}` })).toBe("token");
  });

  test.each([`${TOKEN} `, TOKEN.slice(0, -1), `${TOKEN}x`, TOKEN.toUpperCase(), "x", "undefined", "Bearer"])(
    "nobody with another token ('%s'), not even on this machine",
    (secret) => {
      expect(ask("192.0.2.2", bearer(secret))).toBe("wrong");
      expect(ask("127.0.0.1", bearer(secret))).toBe("wrong");
      expect(ask(undefined, bearer(secret), { token: TOKEN, local: true })).toBe("wrong");
    },
  );

  test("the Blender that this server has started, by its own token, which is nobody's publish token", () => {
    for (const server of [{ own: "secret" }, { own: "secret", token: TOKEN }]) {
      expect(ask("192.0.2.2", bearer("secret"), server)).toBe("own");
      expect(ask("127.0.0.1", bearer("another"), server)).toBe("wrong");
    }
    expect(ask("192.0.2.2", bearer(TOKEN), { own: "secret" })).toBe("wrong");
    expect(ask("192.0.2.2", {}, { own: "secret" })).toBe("missing");
  });

  test.each(["missing", "wrong"] as const)(
    "a token that is %s is told of in a sentence that says where to get one and where to put it",
    (access) => {
      const without = refusalOf(access, { publish: undefined, own: "secret" });
      expect(without).toMatch(/this server has not: start rendercast with --publish-token/);
      for (const sentence of [without, refusalOf(access, { publish: TOKEN, own: undefined })]) {
        expect(sentence).toMatch(/^[A-Z][^\n]*\.$/);
        expect(sentence).toContain("--publish-token");
        expect(sentence).not.toMatch(/correct|secret/);
      }
      const missing = refusalOf("missing", { publish: TOKEN, own: undefined });
      expect(missing).toMatch(/Token in the add-on, or as the header Authorization: Bearer/);
    },
  );

  test("nobody with any token where the server has none", () => {
    for (const secret of [TOKEN, "undefined", ""])
      expect(ask("192.0.2.2", bearer(secret), {})).not.toMatch(/token|here/);
    expect(ask("192.0.2.2", {}, {})).toBe("missing");
  });

  test.each(["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", TOKEN, ""])(
    "nobody with credentials of another kind ('%s'), as little as with a wrong token",
    (authorization) => {
      expect(ask("192.0.2.2", { authorization })).toBe("wrong");
      expect(ask("127.0.0.1", { authorization })).toBe("wrong");
      expect(ask(undefined, { authorization }, { token: TOKEN, local: true })).toBe("wrong");
    },
  );

  test.each([
    "localhost",
    "LocalHost:8080",
    "127.0.0.1",
    "127.1.2.3:80",
    "[::1]:8080",
    "[::1]",
    "studio:8080",
  ])("this machine, addressed as %s", (host) => {
    expect(ask("127.0.0.1", { host }, { name: "Studio" })).toBe("here");
  });

  test.each([
    "example.com",
    "example.com:8080",
    "localhost.example.com",
    "127.0.0.1.example.com",
    "192.0.2.2:8080",
    "[::2]",
    "studio:8080",
    "",
  ])("nobody without the token on a request to '%s', which a proxy may have passed on", (host) => {
    expect(ask("127.0.0.1", { host })).toBe("missing");
    expect(ask("127.0.0.1", { host, ...bearer(TOKEN) })).toBe("token");
    // Over the Unix socket there are no names.
    expect(ask(undefined, { host }, { local: true })).toBe("here");
  });

  test("this machine's programs in Node, whose fetch sends what else only browsers do", () => {
    expect(ask("127.0.0.1", { "sec-fetch-mode": "cors", "user-agent": "node" })).toBe("here");
  });

  test("nobody without the token by HTTP/1.0, which proxies speak", () => {
    expect(ask("127.0.0.1", {}, { token: TOKEN }, "1.0")).toBe("missing");
    expect(ask("127.0.0.1", bearer(TOKEN), { token: TOKEN }, "1.0")).toBe("token");
  });

  test.each([
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-real-ip",
    "x-client-ip",
    "cf-connecting-ip",
    "cf-ray",
    "true-client-ip",
    "sec-fetch-site",
    "forwarded",
    "via",
    "origin",
  ])("nobody without the token on a request with '%s': a proxy or a web page sent it", (name) => {
    for (const value of ["127.0.0.1", "null", ""]) {
      expect(ask("127.0.0.1", { [name]: value })).toBe("missing");
      expect(ask(undefined, { [name]: value }, { token: TOKEN, local: true })).toBe("missing");
      expect(ask("127.0.0.1", { [name]: value, ...bearer(TOKEN) })).toBe("token");
    }
  });
});
