import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { Access, type AccessOptions } from "../../../src/access/access.ts";
import { type Asker, askerOf, hideToken } from "../../../src/access/asker.ts";
import { LinkSigner } from "../../../src/access/link-signer.ts";
import { linksOf } from "../../../src/access/links.ts";
import { Proxies } from "../../../src/access/proxies.ts";
import { RIGHTS, type Right } from "../../../src/access/tokens.ts";
import { rightsOfThisMachine, tellThisMachine } from "../../../src/access/trust-this-machine.ts";
import { readConfig } from "../../../src/config/config.ts";
import { isLoopback } from "../../../src/network/ip.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const TOKEN = "correct horse";
const JWT_SECRET = "a secret of more than thirty-two characters";
const ELSEWHERE = "192.0.2.2";

let clock: FakeClock;
let logged: string[];
beforeEach(() => {
  clock = new FakeClock(1_795_370_000_000);
  logged = [];
});

function newAccess(options: Partial<AccessOptions> = {}): Access {
  const log = (line: string) => logged.push(line);
  const nothing = { secrets: {}, jwtSecret: undefined, jwks: undefined, own: undefined, hosts: undefined };
  const claims = { jwtIssuer: undefined, jwtAudience: undefined };
  const proxies = new Proxies([], () => {});
  const [here, links] = [["publish", "operate"] as const, new LinkSigner(clock)];
  return new Access({ clock, host: "::", log, proxies, here, links, ...nothing, ...claims, ...options });
}

interface Request {
  readonly url?: string;
  readonly local?: boolean;
  readonly httpVersion?: string;
}

/** A request from this address with these headers. */
function from(address: string | undefined, headers: IncomingHttpHeaders = {}, request: Request = {}): Asker {
  const { url = "/", local = false, httpVersion = "1.1" } = request;
  const message = {
    url,
    socket: { remoteAddress: address },
    headers: { host: "localhost:8080", ...headers },
    httpVersion,
  } as unknown as IncomingMessage;
  hideToken(message);
  return askerOf(message, local);
}

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
const withToken = { secrets: { publish: TOKEN } };

/** What grants the right, or the status of the refusal; for the stream `main` by default. */
async function ask(access: Access, asker: Asker, right: Right = "publish", ...on: (string | undefined)[]) {
  const verdict = await access.mayDo(asker, right, on.length === 0 ? "main" : on[0]);
  return verdict.granted ? verdict.by : verdict.status;
}

const jwt = (claims: object, secret = JWT_SECRET) =>
  new SignJWT({ exp: clock.now() / 1000 + 60, ...claims })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(secret));

describe("publishing", () => {
  test.each(["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])(
    "is allowed from this machine without a token, as %s",
    async (address) => {
      expect(await ask(newAccess(withToken), from(address))).toBe("here");
      expect(await ask(newAccess(), from(address))).toBe("here");
      expect(isLoopback(address)).toBe(true);
    },
  );

  test("is allowed without a token over the Unix socket, which has no addresses", async () => {
    expect(await ask(newAccess(withToken), from(undefined, {}, { local: true }))).toBe("here");
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
  ])("from %s is refused without the token", async (address) => {
    expect(await ask(newAccess(withToken), from(address))).toBe(401);
    expect(isLoopback(address)).toBe(false);
  });

  test("needs the token if the connection was reset before its request was read: it has no address either", async () => {
    expect(await ask(newAccess(withToken), from(undefined))).toBe(401);
    expect(await ask(newAccess(withToken), from(undefined, bearer(TOKEN)))).toBe("token");
    expect(isLoopback(undefined)).toBe(false);
  });

  test.each([ELSEWHERE, "127.0.0.1", "::1", undefined])(
    "is allowed with the token, from %s",
    async (address) => {
      expect(await ask(newAccess(withToken), from(address, bearer(TOKEN)))).toBe("token");
      expect(await ask(newAccess(withToken), from(address, { authorization: `bearer ${TOKEN}` }))).toBe(
        "token",
      );
    },
  );

  test.each([`${TOKEN} `, TOKEN.slice(0, -1), `${TOKEN}x`, TOKEN.toUpperCase(), "x", "undefined", "Bearer"])(
    "is refused with a wrong token ('%s'), even on this machine",
    async (secret) => {
      expect(await ask(newAccess(withToken), from(ELSEWHERE, bearer(secret)))).toBe(403);
      expect(await ask(newAccess(withToken), from("127.0.0.1", bearer(secret)))).toBe(403);
      expect(await ask(newAccess(withToken), from(undefined, bearer(secret), { local: true }))).toBe(403);
    },
  );

  test("is allowed to the Blender that this server started, whose own token grants nothing else", async () => {
    for (const options of [{ own: "secret" }, { own: "secret", ...withToken }]) {
      expect(await ask(newAccess(options), from(ELSEWHERE, bearer("secret")))).toBe("own");
      expect(await ask(newAccess(options), from(ELSEWHERE, bearer("secret")), "operate")).toBe(403);
      expect(await ask(newAccess(options), from("127.0.0.1", bearer("another")))).toBe(403);
    }
    const access = newAccess({ own: "secret" });
    expect(await ask(access, from(ELSEWHERE, bearer(TOKEN)))).toBe(403);
    expect(await ask(access, from(ELSEWHERE))).toBe(401);
    expect(await ask(access, from(ELSEWHERE, {}, { url: "/?token=secret" }))).toBe(403);
  });

  test("is refused with any token if the server has none", async () => {
    for (const secret of [TOKEN, "undefined", ""])
      expect(await ask(newAccess(), from(ELSEWHERE, bearer(secret)))).toBe(403);
    expect(await ask(newAccess(), from(ELSEWHERE))).toBe(401);
  });

  test.each(["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", TOKEN, ""])(
    "is refused with credentials of another kind ('%s'), as with a wrong token",
    async (authorization) => {
      for (const address of [ELSEWHERE, "127.0.0.1"])
        expect(await ask(newAccess(withToken), from(address, { authorization }))).toBe(403);
      expect(await ask(newAccess(withToken), from(undefined, { authorization }, { local: true }))).toBe(403);
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
  ])("is allowed without a token from this machine, addressed as %s", async (host) => {
    expect(await ask(newAccess({ host: "Studio" }), from("127.0.0.1", { host }))).toBe("here");
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
  ])("needs the token if the request is for '%s': a proxy may have passed it on", async (host) => {
    const access = newAccess(withToken);
    expect(await ask(access, from("127.0.0.1", { host }))).toBe(401);
    expect(await ask(access, from("127.0.0.1", { host, ...bearer(TOKEN) }))).toBe("token");
    // Host names do not matter over the Unix socket.
    expect(await ask(access, from(undefined, { host }, { local: true }))).toBe("here");
  });

  test("is allowed to Node programs of this machine, whose fetch sends a header that otherwise only browsers send", async () => {
    const headers = { "sec-fetch-mode": "cors", "user-agent": "node" };
    expect(await ask(newAccess(withToken), from("127.0.0.1", headers))).toBe("here");
  });

  test("needs the token over HTTP/1.0, which proxies speak", async () => {
    const old = { httpVersion: "1.0" };
    expect(await ask(newAccess(withToken), from("127.0.0.1", {}, old))).toBe(401);
    expect(await ask(newAccess(withToken), from("127.0.0.1", bearer(TOKEN), old))).toBe("token");
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
  ])("needs the token if the request has the header '%s': a proxy or a web page sent it", async (name) => {
    for (const value of ["127.0.0.1", "null", ""]) {
      const access = newAccess(withToken);
      expect(await ask(access, from("127.0.0.1", { [name]: value }))).toBe(401);
      expect(await ask(access, from(undefined, { [name]: value }, { local: true }))).toBe(401);
      expect(await ask(access, from("127.0.0.1", { [name]: value, ...bearer(TOKEN) }))).toBe("token");
    }
  });
});

describe("this machine", () => {
  const none = {};
  const here = (options: string[]) => {
    const command = readConfig(options, none);
    if (!("run" in command)) throw new Error("no configuration");
    return [rightsOfThisMachine(command.run), tellThisMachine(command.run)] as const;
  };

  test.each<[string[], readonly Right[]]>([
    [[], ["publish", "operate"]],
    [
      ["--control", "orbit"],
      ["publish", "operate", "control"],
    ],
    [
      ["--control", "orbit", "--control-token", TOKEN],
      ["publish", "operate"],
    ],
    [["--control", "orbit", "--view-token", TOKEN], ["publish"]],
    [["--publish-token", TOKEN], ["operate"]],
    [["--operate-token", TOKEN], ["publish"]],
    [["--view-token", TOKEN], ["publish"]],
    [["--jwt-secret", JWT_SECRET], []],
    [["--jwks", "https://keys.example/", "--jwt-audience", "studio"], []],
    [["--trust-proxy", "10.0.0.1"], []],
    [["--trust-this-machine", "off"], []],
    [
      ["--trust-this-machine", "on", "--trust-proxy", "10.0.0.1", "--view-token", TOKEN],
      ["publish", "operate"],
    ],
  ])("started with %j may %j without a token, and the server says so", (options, rights) => {
    const [found, line] = here(options);
    expect(found).toEqual(rights);
    expect(line).toMatch(/^[A-Z][^\n]*\.$/);
    expect(line).toContain(
      rights.length === 0 ? "on this machine too" : `may ${new Intl.ListFormat("en").format(rights)} without`,
    );
  });

  test("needs a token for rights that it is not trusted with, except over the Unix socket", async () => {
    const access = newAccess({ ...withToken, here: [] });
    for (const right of ["publish", "operate"] as const) {
      expect(await ask(access, from("127.0.0.1"), right)).toBe(401);
      expect(await ask(access, from(undefined, {}, { local: true }), right)).toBe("here");
    }
    expect(await ask(access, from("127.0.0.1", bearer(TOKEN)))).toBe("token");
  });
});

describe("control", () => {
  test("is allowed to this machine, its own pages there, and the fixed token, which also watches", async () => {
    const access = newAccess({
      secrets: { view: "a view token", control: TOKEN },
      here: ["publish", "operate", "control"],
    });
    const own = { origin: "http://localhost:8080", "sec-fetch-site": "same-origin" };
    const foreign = { origin: "http://evil.example", "sec-fetch-site": "cross-site" };
    expect(await ask(access, from("127.0.0.1", own), "control")).toBe("here");
    expect(await ask(access, from("127.0.0.1", foreign), "control")).toBe(401);
    expect(await ask(access, from(ELSEWHERE, own), "control")).toBe(401);
    for (const right of ["control", "view"] as const)
      expect(await ask(access, from(ELSEWHERE, bearer(TOKEN)), right)).toBe("token");
    expect(await ask(access, from(ELSEWHERE, bearer("a view token")), "control")).toBe(403);
    for (const right of ["publish", "operate"] as const)
      expect(await ask(access, from(ELSEWHERE, bearer(TOKEN)), right)).toBe(403);
  });
});

describe("operating", () => {
  test("is allowed to programs and browsers of this machine, to the server's own pages there, and with the token", async () => {
    const access = newAccess({ secrets: { operate: TOKEN } });
    const operate = (asker: Asker) => ask(access, asker, "operate", undefined);
    expect(await operate(from("127.0.0.1"))).toBe("here");
    expect(await operate(from("127.0.0.1", { "sec-fetch-site": "none" }))).toBe("here");
    const own = { origin: "http://localhost:8080", "sec-fetch-site": "same-origin" };
    expect(await operate(from("127.0.0.1", own))).toBe("here");
    expect(await operate(from(ELSEWHERE, bearer(TOKEN)))).toBe("token");
  });

  test("is refused to other sites in a browser here, behind a proxy, from elsewhere and with other tokens", async () => {
    const access = newAccess({ secrets: { operate: TOKEN, view: "another one", publish: "a third one" } });
    const operate = (asker: Asker) => ask(access, asker, "operate", undefined);
    expect(await operate(from("127.0.0.1", { "sec-fetch-site": "cross-site" }))).toBe(401);
    expect(await operate(from("127.0.0.1", { "sec-fetch-site": "same-site" }))).toBe(401);
    expect(await operate(from("127.0.0.1", { origin: "https://evil.example" }))).toBe(401);
    expect(await operate(from("127.0.0.1", { origin: "null" }))).toBe(401);
    // DNS rebinding: another site's name that resolves to this server.
    const rebound = { host: "evil.example:8080", origin: "http://evil.example:8080" };
    expect(await operate(from("127.0.0.1", { ...rebound, "sec-fetch-site": "same-origin" }))).toBe(401);
    expect(await operate(from("127.0.0.1", { "x-forwarded-for": "127.0.0.1" }))).toBe(401);
    expect(await operate(from(ELSEWHERE))).toBe(401);
    for (const other of ["another one", "a third one"])
      expect(await operate(from(ELSEWHERE, bearer(other)))).toBe(403);
  });
});

describe("viewing", () => {
  const view = (access: Access, asker: Asker) => ask(access, asker, "view");

  test("is allowed to everybody if no option makes tokens for viewers", async () => {
    const access = newAccess({ secrets: { publish: TOKEN, operate: TOKEN } });
    expect(access.isOpen).toBe(true);
    expect(await view(access, from(ELSEWHERE))).toBe("everybody");
    // Links from a time when the server had tokens still work.
    expect(await view(access, from(ELSEWHERE, bearer("whatever")))).toBe("everybody");
  });

  test("needs a token otherwise, on this machine too", async () => {
    const access = newAccess({ secrets: { view: TOKEN, publish: "another one" } });
    expect(access.isOpen).toBe(false);
    for (const address of ["127.0.0.1", ELSEWHERE]) {
      expect(await view(access, from(address))).toBe(401);
      expect(await view(access, from(address, bearer("another one")))).toBe(403);
      expect(await view(access, from(address, bearer(TOKEN)))).toBe("token");
    }
  });

  test("is allowed with a link's token in the URL, but not with the fixed token there", async () => {
    const access = newAccess({ secrets: { view: TOKEN } });
    const { token = "" } = await linksOf(access, ["http://studio"], "main", {});
    expect(await view(access, from(ELSEWHERE, {}, { url: `/?timed&token=${token}` }))).toBe("token");
    const verdict = await access.mayDo(from(ELSEWHERE, {}, { url: `/?token=${TOKEN}` }), "view", "main");
    expect(verdict).toMatchObject({ granted: false, status: 403, message: expect.stringMatching(/address/) });
  });
});

describe("rights to a stream", () => {
  const granted = async (access: Access, asker: Asker) =>
    Object.entries(await access.rightsOf(asker, "main"))
      .filter(([, verdict]) => verdict.granted)
      .map(([right]) => right);

  test("let this machine share and list a private stream, but not watch it", async () => {
    const access = newAccess({ secrets: { view: TOKEN } });
    expect(await granted(access, from("127.0.0.1"))).toEqual(["publish", "operate", "share", "list"]);
    expect(await granted(access, from(ELSEWHERE))).toEqual([]);
  });

  test("include sharing for the fixed view token, but not for a link", async () => {
    const access = newAccess({ secrets: { view: TOKEN } });
    expect(await granted(access, from(ELSEWHERE, bearer(TOKEN)))).toEqual(["view", "share", "list"]);
    const { token } = await access.share("main", 60_000);
    expect(await granted(access, from(ELSEWHERE, bearer(token)))).toEqual(["view", "list"]);
  });

  test("include sharing for the operate token, but not watching or listing private streams", async () => {
    const access = newAccess({ secrets: { view: TOKEN, operate: "another one" } });
    expect(await granted(access, from(ELSEWHERE, bearer("another one")))).toEqual(["operate", "share"]);
  });
});

describe("wrong tokens", () => {
  const view = (access: Access, token: string, address = ELSEWHERE, headers = {}) =>
    ask(access, from(address, { ...bearer(token), ...headers }), "view");

  test("are limited for each address, which may try again after some seconds", async () => {
    const access = newAccess({ secrets: { view: TOKEN } });
    for (let n = 0; n < 20; n++) expect(await view(access, `guess ${n}`)).toBe(403);
    expect(await view(access, "guess 20")).toBe(429);
    // A right token is refused too, so that guessing finds nothing; a link's token cannot be guessed.
    expect(await view(access, TOKEN)).toBe(429);
    expect(await view(access, (await access.share("main", 60_000)).token)).toBe("token");
    expect(await view(access, TOKEN, "192.0.2.3")).toBe("token");
    await clock.advance(3000);
    expect(await view(access, TOKEN)).toBe("token");
    expect(await view(access, TOKEN)).toBe("token");
  });

  test("count once per request, however many rights it asks for", async () => {
    const access = newAccess({ secrets: { view: TOKEN, publish: "another one", operate: "a third one" } });
    for (let n = 0; n < 19; n++) {
      const asker = from(ELSEWHERE, bearer("guess"));
      for (const right of RIGHTS) expect(await ask(access, asker, right)).toBe(403);
      expect((await access.rightsOf(asker, "main")).share).toMatchObject({ status: 403 });
    }
    expect(await view(access, TOKEN)).toBe("token");
  });

  test("from a flood of other addresses do not lock out the holder of the right one", async () => {
    const access = newAccess({ secrets: { view: TOKEN } });
    const { token } = await access.share("main", 60_000);
    let status: unknown;
    for (let n = 0; status !== 429; n++)
      status = await view(access, "guess", `2001:db8:1:${n.toString(16)}::1`);
    expect(await view(access, TOKEN, "198.51.100.7")).toBe("token");
    expect(await view(access, token, "2001:db8:1:ffff::1")).toBe("token");
  });

  test("count for the client that a trusted proxy names, not for what others claim, and for a whole IPv6 network", async () => {
    const proxies = new Proxies(["127.0.0.1"], () => {});
    const access = newAccess({ secrets: { view: TOKEN }, proxies });
    const by = (client: string) => ({ "x-forwarded-for": client });
    for (let n = 0; n < 21; n++) await view(access, "guess", "127.0.0.1", by("192.0.2.9"));
    expect(await view(access, "guess", "127.0.0.1", by("192.0.2.9"))).toBe(429);
    expect(await view(access, "guess", "127.0.0.1", by("192.0.2.10"))).toBe(403);
    for (let n = 0; n < 21; n++) await view(access, "guess", ELSEWHERE, by(`198.51.100.${n}`));
    expect(await view(access, "guess", ELSEWHERE, by("198.51.100.99"))).toBe(429);
    for (let n = 0; n < 21; n++) await view(access, "guess", `2001:db8:1:2::${n}`);
    expect(await view(access, "guess", "2001:db8:1:2:ffff::1")).toBe(429);
    expect(await view(access, "guess", "2001:db8:1:3::1")).toBe(403);
  });
});

describe("a link", () => {
  test("lets its holder watch one stream until it expires, and do nothing else", async () => {
    const access = newAccess({ secrets: { view: TOKEN, publish: TOKEN, operate: TOKEN } });
    const links = await linksOf(access, ["https://studio:8443"], "film", { hours: "2" });
    const { token = "", link, image, expires } = links;
    expect(link).toBe(`https://studio:8443/watch/film#token=${token}`);
    expect(image).toBe(`https://studio:8443/streams/film/mjpeg?token=${token}`);
    expect(expires).toBe(new Date(clock.now() + 2 * 3_600_000).toISOString());
    const asker = from(ELSEWHERE, bearer(token));
    expect(await ask(access, asker, "view", "film")).toBe("token");
    expect(await access.mayDo(asker, "view", "film")).toMatchObject({ until: clock.now() + 2 * 3_600_000 });
    for (const right of RIGHTS) expect(await ask(access, asker, right, "main")).toBe(403);
    expect(await ask(access, asker, "view", undefined)).toBe(403);
    for (const right of ["publish", "operate"] as const)
      expect(await ask(access, asker, right, "film")).toBe(403);
    await clock.advance(2 * 3_600_000 + 10_000);
    expect(await access.mayDo(from(ELSEWHERE, bearer(token)), "view", "film")).toMatchObject({
      status: 401,
      message: expect.stringMatching(/expired/),
    });
  });

  test("grants only viewing, whatever its claims say", async () => {
    const links = new LinkSigner(clock);
    const access = newAccess({ secrets: { view: TOKEN }, jwtSecret: JWT_SECRET, links });
    const claims = { sub: "film", jti: "abcdefghijklmnop", rights: RIGHTS, streams: ["*"] };
    const token = await new SignJWT({ ...claims, exp: clock.now() / 1000 + 60 })
      .setProtectedHeader({ alg: "HS256" })
      .sign(Buffer.from(links.state.key, "base64url"));
    const asker = from(ELSEWHERE, bearer(token));
    expect(await ask(access, asker, "view", "film")).toBe("token");
    for (const right of RIGHTS)
      for (const stream of ["main", undefined]) expect(await ask(access, asker, right, stream)).toBe(403);
    for (const right of ["publish", "control", "operate"] as const)
      expect(await ask(access, asker, right, "film")).toBe(403);
  });

  test("that was made to control grants that and viewing of its stream alone, until it is revoked", async () => {
    const links = new LinkSigner(clock);
    const access = newAccess({ secrets: { view: TOKEN }, links });
    const { token, id } = await access.share("film", 60_000, true);
    const may = (right: Right, stream: string | undefined) =>
      ask(access, from(ELSEWHERE, bearer(token)), right, stream);
    expect([await may("view", "film"), await may("control", "film")]).toEqual(["token", "token"]);
    for (const right of ["publish", "operate"] as const) expect(await may(right, "film")).toBe(403);
    for (const right of RIGHTS) expect(await may(right, "main")).toBe(403);
    await links.revoke(id);
    expect(await may("control", "film")).toBe(401);
  });

  test("outlives the server if its key does, even if tokens and secrets change", async () => {
    const links = new LinkSigner(clock);
    const { token } = await newAccess({ secrets: { view: TOKEN }, links }).share("main", 60_000);
    const view = (options: Partial<AccessOptions>) =>
      ask(newAccess(options), from(ELSEWHERE, bearer(token)), "view");
    const again = new LinkSigner(clock, links.state);
    expect(await view({ secrets: { view: "changed since" }, links: again })).toBe("token");
    expect(await view({ jwtSecret: JWT_SECRET, links: again })).toBe("token");
    expect(await view({ secrets: { view: TOKEN } })).toBe(403);
  });

  test("that is revoked ends its viewers once, and is refused from then on", async () => {
    const links = new LinkSigner(clock);
    const access = newAccess({ secrets: { view: TOKEN }, links });
    const { token, id } = await access.share("main", 60_000);
    const verdict = await access.mayDo(from(ELSEWHERE, bearer(token)), "view", "main");
    if (!verdict.granted) throw new Error(verdict.message);
    const ended: string[] = [];
    verdict.whenOver(() => ended.push("there"));
    const leave = verdict.whenOver(() => ended.push("gone"));
    leave();
    await links.revoke(id);
    expect(ended).toEqual(["there"]);
    expect(clock.timers).toBe(0);
    expect(await access.mayDo(from(ELSEWHERE, bearer(token)), "view", "main")).toMatchObject({
      status: 401,
      message: expect.stringMatching(/revoked\. Ask the owner for a new one/),
    });
  });

  test("has no token if everybody may watch", async () => {
    expect(await linksOf(newAccess(), ["http://studio", "http://[::1]:8080"], "main", {})).toEqual({
      link: "http://studio/watch/main",
      image: "http://studio/streams/main/mjpeg",
      alternatives: ["http://[::1]:8080/watch/main"],
    });
  });

  test.each([{ hours: "0" }, { hours: "-1" }, { hours: "many" }, { hours: "721" }, { hours: ["1", "2"] }])(
    "with %j is refused with a message",
    async (query) => {
      await expect(linksOf(newAccess(), ["http://studio"], "main", query)).rejects.toThrow(/^hours is .*\.$/);
    },
  );
});

describe("a signed token", () => {
  test("is accepted only from the configured issuer and for the configured audience", async () => {
    const access = newAccess({
      jwtSecret: JWT_SECRET,
      jwtIssuer: "https://id.example",
      jwtAudience: "studio",
    });
    const view = async (claims: object) =>
      ask(access, from(ELSEWHERE, bearer(await jwt({ rights: ["view"], ...claims }))), "view");
    expect(await view({ iss: "https://id.example", aud: "studio" })).toBe("token");
    expect(await view({ iss: "https://id.example", aud: ["other", "studio"] })).toBe("token");
    for (const claims of [
      {},
      { aud: "studio" },
      { iss: "https://id.example" },
      { iss: "https://id.example", aud: "other" },
      { iss: "https://evil.example", aud: "studio" },
    ])
      expect(await view(claims)).toBe(403);
    // The server's own links name neither.
    const { token } = await access.share("main", 60_000);
    expect(await ask(access, from(ELSEWHERE, bearer(token)), "view")).toBe("token");
  });

  const signed = () => newAccess({ jwtSecret: JWT_SECRET });

  test("grants the rights and streams that it names, and no others", async () => {
    const token = await jwt({ rights: ["publish", "view"], streams: ["film", "main"] });
    const asker = from(ELSEWHERE, bearer(token));
    const granted = await Promise.all(
      RIGHTS.flatMap((right) => ["film", "other"].map((stream) => ask(signed(), asker, right, stream))),
    );
    expect(granted).toEqual(["token", 403, "token", 403, 403, 403, 403, 403]);
  });

  test("without streams, or with *, is valid for all streams and the server itself", async () => {
    for (const streams of [undefined, ["*"]]) {
      const token = await jwt({ rights: ["operate"], ...(streams && { streams }) });
      expect(await ask(signed(), from(ELSEWHERE, bearer(token)), "operate", undefined)).toBe("token");
    }
    const some = await jwt({ rights: ["operate"], streams: ["main"] });
    expect(await ask(signed(), from(ELSEWHERE, bearer(some)), "operate", undefined)).toBe(403);
  });

  test("grants nothing after it expires, before it is valid, without an expiry, or if another key signed it", async () => {
    const now = clock.now() / 1000;
    const rights = ["view"];
    const view = async (token: string) => ask(signed(), from(ELSEWHERE, bearer(token)), "view", "main");
    expect(await view(await jwt({ rights }))).toBe("token");
    expect(await view(await jwt({ rights, exp: now - 60 }))).toBe(401);
    expect(await view(await jwt({ rights, nbf: now + 60 }))).toBe(403);
    expect(await view(await jwt({ rights, exp: undefined }))).toBe(403);
    expect(await view(await jwt({ rights }, `${JWT_SECRET}x`))).toBe(403);
    // A forged token is not called expired.
    expect(await view(await jwt({ rights, exp: now - 60 }, `${JWT_SECRET}x`))).toBe(403);
  });

  test.each([
    ["no rights", {}],
    ["an unknown right", { rights: ["everything"] }],
    ["rights in another form", { rights: "view" }],
    ["streams in another form", { rights: ["view"], streams: "main" }],
  ])("with %s grants nothing", async (_, claims) => {
    expect(await ask(signed(), from(ELSEWHERE, bearer(await jwt(claims))), "view")).toBe(403);
  });

  test("without a signature, or malformed, grants nothing", async () => {
    const [, payload] = (await jwt({ rights: ["view"] })).split(".");
    const header = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
    for (const token of [
      `${header}.${payload}.`,
      `${header}.${payload}.x`,
      "..",
      "a.b.c",
      `${"x".repeat(5000)}..`,
    ])
      expect(await ask(signed(), from(ELSEWHERE, bearer(token)), "view")).toBe(403);
  });

  test("is verified with the keys at --jwks, whose text is not accepted as a shared secret", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), alg: "ES256", kid: "one" };
    const fetched = vi
      .spyOn(globalThis, "fetch")
      .mockImplementation(async () => Response.json({ keys: [jwk] }));
    const access = newAccess({ jwks: "https://keys.example/" });
    const sign = (key: typeof privateKey | Uint8Array, alg: string) =>
      new SignJWT({ rights: ["view"], exp: clock.now() / 1000 + 60 })
        .setProtectedHeader({ alg, kid: "one" })
        .sign(key);
    const view = async (token: string) => ask(access, from(ELSEWHERE, bearer(token)), "view");
    expect(await view(await sign(privateKey, "ES256"))).toBe("token");
    const other = await generateKeyPair("ES256");
    expect(await view(await sign(other.privateKey, "ES256"))).toBe(403);
    const confused = new TextEncoder().encode(JSON.stringify(jwk));
    expect(await view(await sign(confused, "HS256"))).toBe(403);
    expect(fetched).toHaveBeenCalledTimes(1);
    fetched.mockRestore();
  });

  test("is answered with 503 while the keys are unavailable, which is logged once", async () => {
    const { privateKey } = await generateKeyPair("ES256");
    const token = await new SignJWT({ rights: ["view"], exp: clock.now() / 1000 + 60 })
      .setProtectedHeader({ alg: "ES256" })
      .sign(privateKey);
    const answers = [() => Response.json({}, { status: 500 }), () => Response.json({ nothing: 1 })];
    const fetched = vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
      const answer = answers.shift();
      if (answer) return answer();
      throw new TypeError("fetch failed");
    });
    const access = newAccess({ jwks: "https://keys.example/" });
    for (let n = 0; n < 3; n++) {
      const verdict = await access.mayDo(from(ELSEWHERE, bearer(token)), "view", "main");
      expect(verdict).toMatchObject({ status: 503, message: expect.stringMatching(/Try again/) });
    }
    expect(logged).toHaveLength(1);
    expect(logged[0]).toMatch(/--jwks/);
    fetched.mockRestore();
  });
});

describe("the message of a refusal", () => {
  test.each(RIGHTS)("for %s is a sentence that says what to do, without secrets", async (right) => {
    const secrets = { publish: TOKEN, view: TOKEN, operate: TOKEN };
    for (const options of [{}, { secrets }, { jwtSecret: JWT_SECRET }]) {
      const access = newAccess({ own: "secret", ...options });
      if (right === "view" && access.isOpen) continue;
      for (const headers of [{}, bearer("wrong"), bearer(await jwt({ rights: [], streams: [] }))]) {
        const verdict = await access.mayDo(from(ELSEWHERE, headers), right, "main");
        if (verdict.granted) throw new Error("granted");
        expect(verdict.message).toMatch(/^[A-Z][^\n]*\.$/);
        expect(verdict.message).not.toMatch(/correct|secret of/);
        if (right !== "view" && !("authorization" in headers))
          expect(verdict.message).toContain("Authorization: Bearer");
      }
    }
  });

  test("tells a publisher how to set a token on a server without one, or how to send it", async () => {
    expect(await newAccess().mayDo(from(ELSEWHERE), "publish", "main")).toMatchObject({
      message: expect.stringMatching(/this server has none\. Start rendercast with --publish-token/),
    });
    expect(await newAccess(withToken).mayDo(from(ELSEWHERE), "publish", "main")).toMatchObject({
      message: expect.stringMatching(
        /--publish-token\. To use it, enter it as Token in the add-on, or send it in the header/,
      ),
    });
  });
});

test("a token is removed from the URL before anything can log it", () => {
  const request = { url: "/streams/main/mjpeg?timed&token=secret&x=1", originalUrl: "", headers: {} };
  hideToken(request as unknown as IncomingMessage);
  expect(request.url).toBe("/streams/main/mjpeg?timed=&x=1");
  expect(request.originalUrl).toBe(request.url);
  const plain = { url: "/streams/main/mjpeg?timed", headers: {} };
  hideToken(plain as unknown as IncomingMessage);
  expect(plain.url).toBe("/streams/main/mjpeg?timed");
});
