import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { Access } from "../../../src/access/access.ts";
import { type Asker, askerOf } from "../../../src/access/asker.ts";
import { Hosts } from "../../../src/access/hosts.ts";
import { LinkSigner } from "../../../src/access/link-signer.ts";
import { Proxies } from "../../../src/access/proxies.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const PROXY = "10.0.0.1";
const proxies = new Proxies([PROXY], () => {});

function hosts(names: readonly string[] = [], machine = "Studio"): Hosts {
  return new Hosts({ names, proxies, machine: () => machine });
}

function from(headers: IncomingHttpHeaders, socket: object = { remoteAddress: "127.0.0.1" }): Asker {
  return askerOf({ headers, httpVersion: "1.1", url: "/", socket } as unknown as IncomingMessage);
}

const knows = (known: Hosts, headers: IncomingHttpHeaders, socket?: object) =>
  known.refusal(from(headers, socket)) === undefined;

describe("the server accepts a host name", () => {
  test.each([
    "localhost:8080",
    "film.localhost",
    "127.0.0.1:8080",
    "192.168.1.7",
    "[::1]:8080",
    "[fd00::7]",
    "studio:8080",
    "STUDIO.",
    "studio.local:8080",
    "studio.lan",
    "studio.home.arpa",
  ])("such as %s without configuration", (host) => {
    expect(knows(hosts(), { host })).toBe(true);
  });

  test("that is configured or its machine's own, and requests without a Host", () => {
    const told = hosts(["Render.example.", "*.studio.example"]);
    expect(knows(told, { host: "render.EXAMPLE:80" })).toBe(true);
    expect(knows(told, { host: "a.b.studio.example" })).toBe(true);
    expect(knows(told, { host: "studio.example" })).toBe(false);
    expect(knows(told, { host: "evilstudio.example" })).toBe(false);
    expect(knows(told, {})).toBe(true);
    expect(knows(hosts(["*"]), { host: "any.example" })).toBe(true);
    expect(knows(hosts([], "studio.corp.example"), { host: "studio.corp.example" })).toBe(true);
    expect(knows(hosts([], "studio.corp.example"), { host: "studio.local" })).toBe(true);
  });

  test.each([
    "attacker.example",
    "studio.attacker.example",
    "studio.local.attacker.example",
    "localhost.attacker.example:8080",
    "127.0.0.1.attacker.example",
    "notstudio",
    "other.local",
    "[attacker.example]",
    "a b",
  ])("but not %s", (host) => {
    expect(knows(hosts(), { host })).toBe(false);
  });

  test("that TLS has proved to the browser, whatever it is", () => {
    const host = "render.example";
    expect(knows(hosts(), { host }, { remoteAddress: "127.0.0.1", encrypted: true })).toBe(true);
    expect(knows(hosts(), { host, "sec-fetch-site": "same-origin" })).toBe(true);
    const socket = { host, origin: "https://render.example", upgrade: "websocket" };
    expect(knows(hosts(), socket)).toBe(true);
    expect(knows(hosts(), { ...socket, origin: "http://render.example" })).toBe(false);
    // A form on an HTTPS page can send this over HTTP.
    expect(knows(hosts(), { host, origin: "https://render.example" })).toBe(false);
  });

  test("in X-Forwarded-Host from a trusted proxy, if it accepts the Host too", () => {
    const socket = { remoteAddress: PROXY };
    const to = (name: string) => ({ host: "192.168.1.7:8080", "x-forwarded-host": name });
    expect(knows(hosts(["render.example"]), to("render.example"), socket)).toBe(true);
    expect(knows(hosts(), to("attacker.example"), socket)).toBe(false);
    expect(knows(hosts(), to("localhost, attacker.example"), socket)).toBe(false);
    // A page that reaches the server directly can set X-Forwarded-Host.
    expect(knows(hosts(), { host: "attacker.example", "x-forwarded-host": "localhost" }, socket)).toBe(false);
    expect(knows(hosts(), to("attacker.example"))).toBe(true);
  });

  test("over its Unix socket, which no browser opens", () => {
    const asker = askerOf({ headers: { host: "x" }, socket: {} } as unknown as IncomingMessage, true);
    expect(hosts().refusal(asker)).toBeUndefined();
  });

  test("that the joined server which passed the request on has checked", () => {
    const headers = { host: "another-server" };
    const asker = from(headers);
    proxies.believe(headers, { client: "192.0.2.7", proto: "http" });
    expect(hosts().refusal(asker)).toBeUndefined();
    expect(hosts().refusal(from({ host: "another-server" }))).toBeDefined();
  });

  test("or says how to allow it, repeating only valid names", () => {
    expect(hosts().refusal(from({ host: "a.example:1" }))).toMatch(/--public-host a\.example\.$/);
    expect(hosts().refusal(from({ host: "<b>" }))).toMatch(/--public-host NAME\.$/);
  });
});

describe("under an unknown host name, the server", () => {
  const nothing = { jwtSecret: undefined, jwks: undefined, own: undefined, jwtIssuer: undefined };
  const clock = new FakeClock(0);
  const access = (secrets: object) =>
    new Access({
      ...nothing,
      clock,
      links: new LinkSigner(clock),
      jwtAudience: undefined,
      here: [],
      host: "::",
      proxies,
      hosts: hosts(),
      secrets,
      log: () => {},
    });
  const stranger = from({ host: "attacker.example", authorization: "Bearer correct horse" });

  test("shows nothing if everybody may watch", async () => {
    expect(await access({}).mayDo(stranger, "view", "main")).toMatchObject({ granted: false, status: 403 });
  });

  test("accepts viewers and publishers with the right token", async () => {
    const verdicts = await Promise.all([
      access({ view: "correct horse" }).mayDo(stranger, "view", "main"),
      access({ publish: "correct horse" }).mayDo(stranger, "publish", "main"),
    ]);
    expect(verdicts).toMatchObject([{ by: "token" }, { by: "token" }]);
  });
});
