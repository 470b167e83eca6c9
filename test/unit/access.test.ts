import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { isLoopback, mayPublish } from "../../src/access.ts";

const TOKEN = "correct horse";
interface Server {
  readonly token?: string;
  readonly local?: boolean;
}

const ask = (
  address: string | undefined,
  headers: Record<string, string> = {},
  { token, local = false }: Server = { token: TOKEN },
) => mayPublish({ socket: { remoteAddress: address }, headers } as unknown as IncomingMessage, token, local);

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

  test("nobody with any token where the server has none", () => {
    for (const secret of [TOKEN, "undefined", ""])
      expect(ask("192.0.2.2", bearer(secret), {})).not.toMatch(/token|here/);
    expect(ask("192.0.2.2", {}, {})).toBe("missing");
  });

  test.each(["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", TOKEN, ""])(
    "credentials of another kind ('%s') count as none",
    (authorization) => {
      expect(ask("192.0.2.2", { authorization })).toBe("missing");
      expect(ask("127.0.0.1", { authorization })).toBe("here");
    },
  );

  test.each(["x-forwarded-for", "forwarded", "via", "origin"])(
    "nobody without the token on a request with '%s': a proxy or a web page sent it",
    (name) => {
      for (const value of ["127.0.0.1", "null", ""]) {
        expect(ask("127.0.0.1", { [name]: value })).toBe("missing");
        expect(ask(undefined, { [name]: value }, { token: TOKEN, local: true })).toBe("missing");
        expect(ask("127.0.0.1", { [name]: value, ...bearer(TOKEN) })).toBe("token");
      }
    },
  );
});
