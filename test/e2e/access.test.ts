import { get as request } from "node:http";
import type { Browser } from "puppeteer-core";
import { io, type Socket } from "socket.io-client";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { lanAddresses, originOf } from "../../src/network/machine-addresses.ts";
import type { Reply, StreamInfo } from "../../src/shared/protocol.ts";
import { launchChromium } from "../helpers/browser.ts";
import { VIEWER_OFFER } from "../helpers/offer.ts";
import { describeWith } from "../setup/suites.ts";
import { openPlayer, waitForState } from "./helpers/player.ts";
import { sendRaw, statusOf } from "./helpers/raw-http.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

const TOKEN = "correct-horse-battery";
const bearer = { Authorization: `Bearer ${TOKEN}` };

describe("a server with a view token", () => {
  let server: ServerProcess;
  const sockets: Socket[] = [];
  beforeAll(async () => {
    server = await startServer("--view-token", TOKEN, "--trust-this-machine", "on");
  });
  afterAll(() => server?.stop());
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.disconnect();
  });

  const get = (path: string, headers = {}) => fetch(`${server.url}${path}`, { headers });

  /** What a socket with that token is told of the stream. */
  async function follow(token: unknown, stream = "main"): Promise<Reply<StreamInfo>> {
    const socket = io(server.url, { auth: { token }, reconnection: false });
    sockets.push(socket);
    await new Promise<void>((resolve) => socket.on("connect", () => resolve()));
    const watched = await socket.timeout(5000).emitWithAck("watch", { stream, offer: "v=0" });
    const followed = await socket.timeout(5000).emitWithAck("follow", stream);
    // One rule for both.
    expect(watched.code === "token").toBe(!followed.ok && followed.code === "token");
    return followed;
  }

  async function share(hours: number) {
    const response = await fetch(`${server.url}/streams/main/share?hours=${hours}`, { method: "POST" });
    expect(response.status).toBe(200);
    return (await response.json()) as { link: string; image: string; token: string; alternatives: string[] };
  }

  test.each([
    "/streams",
    ...["", "/mjpeg", "/snapshot.jpg", "/events", "/telemetry"].map((p) => `/streams/main${p}`),
  ])("refuses %s without the token, says why, and allows it with the token", async (path) => {
    const refused = await get(path, { "X-Forwarded-For": "192.0.2.1" });
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect(await refused.text()).toMatch(/^This stream is private\..*\.\n$/);
    expect((await get(path, { Authorization: "Bearer of-something-else" })).status).toBe(403);
    expect((await get(`${path}?token=${TOKEN}`)).status).toBe(403);
    const granted = await get(path, bearer);
    expect(granted.status).toBe(200);
    await granted.body?.cancel();
  });

  test("names the streams on the page of all streams only to those who may list them", async () => {
    const page = async (headers: Record<string, string>) => (await get("/all", headers)).text();
    expect(await page({ "X-Forwarded-For": "192.0.2.1" })).not.toContain("/watch/main");
    expect(await page(bearer)).toContain("/watch/main");
  });

  test("tells a viewer without the token why it is refused, and admits one with the token", async () => {
    for (const wrong of [undefined, "", "wrong", {}, [TOKEN], 1]) {
      const reply = await follow(wrong);
      expect(reply).toMatchObject({
        ok: false,
        code: "token",
        message: expect.stringMatching(/^[A-Z].*\.$/),
      });
    }
    expect(await follow(TOKEN)).toMatchObject({ ok: true, value: { name: "main" } });
    // Do not reveal to everybody whether a stream exists.
    expect(await follow("wrong", "none")).toMatchObject({ code: "token" });
  });

  test("makes links to one stream and never prints their token", async () => {
    const { link, image, token, alternatives } = await share(1);
    // Links that others can use come before the one for this machine only.
    const [first, ...others] = lanAddresses().map((address) => originOf(address, server.port, false));
    const pages = [...(first ? [first, ...others] : []), server.url].map(
      (at) => `${at}/watch/main#token=${token}`,
    );
    expect([link, ...alternatives]).toEqual(pages);
    const picture = await fetch(image);
    expect(picture.status).toBe(200);
    await picture.body?.cancel();
    expect(await follow(token)).toMatchObject({ ok: true });
    expect(await follow(token, "other")).toMatchObject({ code: "token" });
    const wrong = await fetch(`${server.url}/streams/main/share?hours=x`, { method: "POST" });
    expect([wrong.status, await wrong.text()]).toEqual([400, expect.stringMatching(/^hours is .*\.\n$/)]);
    expect(server.output()).not.toContain(token.slice(0, 20));
    expect(server.output()).not.toContain(TOKEN);
  });

  test("ends a session that a link opened when the link expires", async () => {
    const { image, token } = await share(2 / 3600);
    const socket = io(server.url, { auth: { token }, reconnection: false });
    sockets.push(socket);
    const ended = new Promise((resolve) => socket.on("disconnect", resolve));
    await new Promise<void>((resolve) => socket.on("connect", () => resolve()));
    expect(await socket.timeout(5000).emitWithAck("follow", "main")).toMatchObject({ ok: true });
    const picture = await fetch(image);
    expect(picture.status).toBe(200);
    await expect(picture.arrayBuffer()).rejects.toThrow();
    expect(await ended).toBe("io server disconnect");
  });

  test("refuses links and figures to other machines", async () => {
    for (const headers of [{ Origin: "https://evil.example" }, { "X-Forwarded-For": "192.0.2.1" }]) {
      const link = await fetch(`${server.url}/streams/main/share`, { method: "POST", headers });
      expect(link.status).toBeGreaterThanOrEqual(401);
      expect((await get("/metrics", headers)).status).toBe(link.status);
    }
    expect((await get("/metrics")).status).toBe(200);
  });

  test("makes links for a client that has the token, so that the token itself need not be shared", async () => {
    const headers = { ...bearer, "X-Forwarded-For": "192.0.2.1" };
    expect(await (await get("/streams/main/rights", headers)).json()).toEqual(["view", "share"]);
    const made = await fetch(`${server.url}/streams/main/share`, { method: "POST", headers });
    const { link, image, token } = (await made.json()) as { link: string; image: string; token: string };
    expect(`${link}${image}`).not.toContain(TOKEN);
    const again = { Authorization: `Bearer ${token}`, "X-Forwarded-For": "192.0.2.1" };
    expect((await fetch(`${server.url}/streams/main/share`, { method: "POST", headers: again })).status).toBe(
      403,
    );
    expect((await get("/metrics", headers)).status).toBe(403);
  });
});

describe("a server behind a proxy", () => {
  let server: ServerProcess;
  beforeAll(async () => {
    const limits = ["--max-viewers-per-address", "2", "--max-viewers", "5"];
    server = await startServer("--trust-proxy", "127.0.0.1", ...limits);
  });
  afterAll(() => server?.stop());

  const from = (client: string) => ({ "X-Forwarded-For": client });
  const mjpeg = (client: string) => fetch(`${server.url}/streams/main/mjpeg`, { headers: from(client) });

  test("counts viewers by their own address, and tells a viewer without a seat when to retry", async () => {
    const watching = await Promise.all([mjpeg("192.0.2.1"), mjpeg("192.0.2.1")]);
    const refused = await mjpeg("192.0.2.1");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "10"]);
    expect(await refused.text()).toMatch(/^Your network's address has no room for more viewers; .*\.\n$/);
    const other = await mjpeg("192.0.2.2");
    expect([...watching, other].map(({ status }) => status)).toEqual([200, 200, 200]);
    for (const { body } of [...watching, other]) await body?.cancel();
    await vi.waitFor(async () => expect((await server.info()).viewers).toBe(0));
  });

  test("keeps seats for others when one address opens all the sockets it can and never connects", async () => {
    const sockets = Array.from({ length: 12 }, () =>
      io(server.url, { reconnection: false, forceNew: true, extraHeaders: from("192.0.2.3") }),
    );
    const offers = sockets.map(
      async (socket) =>
        (await socket.timeout(10_000).emitWithAck("watch", { stream: "main", offer: VIEWER_OFFER })).code,
    );
    const refused = (await Promise.all(offers)).filter((code) => code === "full");
    expect(refused).toHaveLength(10);
    const other = await mjpeg("192.0.2.4");
    expect(other.status).toBe(200);
    await other.body?.cancel();
    for (const socket of sockets) socket.disconnect();
  });

  test("never mistakes a client behind the proxy for this machine, whatever headers it sends", async () => {
    for (const client of ["192.0.2.1", "127.0.0.1", "localhost"])
      expect((await fetch(`${server.url}/metrics`, { headers: from(client) })).status).toBe(401);
  });

  test("answers a client that asks too often with 429, and still answers others", async () => {
    const statusOf = (client: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const asked = request(`${server.url}/streams`, { headers: from(client), agent: false }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
        asked.on("error", reject);
      });
    let status: number | undefined;
    for (let n = 0; n < 40 && status !== 429; n++) {
      [status] = (await Promise.all(Array.from({ length: 50 }, () => statusOf("192.0.2.5")))).reverse();
    }
    expect(status).toBe(429);
    expect(await statusOf("192.0.2.6")).toBe(200);
  });

  test("counts requests with an unreadable address, and answers them with its own message", async () => {
    const unreadable = (client: string, target = "http://[/x") => {
      const forwarded = Object.entries(from(client)).map(([name, value]) => `${name}: ${value}`);
      return sendRaw(server, `GET ${target} HTTP/1.1`, "Host: a", ...forwarded, "", "");
    };
    for (const target of ["http://[/x", "http://%@a/", "foo://a]/"]) {
      const answer = await unreadable("192.0.2.7", target);
      expect(statusOf(answer)).toBe(400);
      expect(answer).toContain("The address of the request cannot be read.");
      expect(answer.toLowerCase()).toContain("x-content-type-options: nosniff");
    }
    let status = 0;
    for (let n = 0; n < 40 && status !== 429; n++) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => unreadable("192.0.2.8")));
      status = statusOf(answers.at(-1) ?? "");
    }
    expect(status).toBe(429);
  });
});

describeWith(["chromium"], "a browser, where viewers need a token", ({ chromium }) => {
  let browser: Browser;
  let server: ServerProcess;
  beforeAll(async () => {
    browser = await launchChromium(chromium);
    server = await startServer("--view-token", TOKEN, "--trust-this-machine", "on");
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("on the server's own trusted machine makes a link for itself and links for others", async () => {
    const page = await openPlayer(browser, server.url);
    await waitForState(page, "live");
    expect(page.url()).toMatch(/#token=/);
    await page.click("#share");
    await page.waitForSelector("dialog[open] .code svg");
    const link = await page.$eval("dialog textarea", (field) => field.value);
    const [best = server.url] = lanAddresses().map((address) => originOf(address, server.port, false));
    expect(new URL(link).origin).toBe(best);
    expect(await page.$eval("dialog .side", ({ textContent }) => textContent)).toMatch(/Good until \S/);
    await page.close();
  });

  test("on that machine lists all streams with their pictures, and opens them", async () => {
    const page = await browser.newPage({ type: "window" });
    const refused: string[] = [];
    page.on("response", (response) => {
      if (response.status() >= 400) refused.push(response.url());
    });
    await page.goto(`${server.url}/all`);
    await page.waitForFunction(() => {
      const picture = document.querySelector<HTMLImageElement>("#cards img");
      return picture !== null && picture.naturalWidth > 0;
    });
    expect(refused).toEqual([]);
    await page.click("#cards a");
    await waitForState(page, "live");
    await page.close();
  });

  test("on another machine is told whom to ask", async () => {
    const page = await browser.newPage({ type: "window" });
    await page.setExtraHTTPHeaders({ "X-Forwarded-For": "192.0.2.1" });
    await page.goto(server.url);
    const { sentence } = await waitForState(page, "refused");
    expect(sentence).toMatch(/ask the owner/);
    expect(page.url()).not.toContain("token");
    await page.close();
  });
});
