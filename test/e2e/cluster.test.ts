import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { get } from "node:http";
import { createClient } from "@redis/client";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { launchChromium } from "../helpers/browser.ts";
import { image } from "../helpers/multipart-writer.ts";
import { VIEWER_OFFER } from "../helpers/offer.ts";
import { gradientJpeg } from "../helpers/pictures.ts";
import { describeWith } from "../setup/suites.ts";
import { freePort } from "./helpers/free-port.ts";
import { openPlayer, waitForState } from "./helpers/player.ts";
import { TestPublisher } from "./helpers/publisher.ts";
import { REDIS_PASSWORD, redisAddress, startRedis } from "./helpers/redis.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

/** Lets the tests read what `/readyz` says to whoever operates the server. */
const OPERATOR = "an-operator-of-servers";

describeWith(["redis", "chromium"], "two servers that Redis joins", ({ redis, chromium }) => {
  let port: number;
  let store: ChildProcess;
  let browser: Browser;
  let [a, b]: (ServerProcess | undefined)[] = [];
  let publisher: TestPublisher;
  const address = () => redisAddress(port);
  const start = (...options: string[]) =>
    startServer(
      ...["--redis", address(), "--host", "127.0.0.1", "--operate-token", OPERATOR],
      ...["--trust-this-machine", "on", ...options],
    );
  const at = (server: ServerProcess | undefined, path: string, init: RequestInit = {}) =>
    fetch(`${server?.url}${path}`, init);
  const publish = async (server: ServerProcess | undefined, name: string) => {
    const sender = new TestPublisher(`${server?.url}/streams/${name}`);
    sender.play(image(await gradientJpeg(480, 270)));
    return sender;
  };
  const shows = (page: Page) =>
    page.waitForFunction(() => (document.querySelector("rendercast-player")?.stats.fps ?? 0) > 0);
  const knows = (server: ServerProcess | undefined, name: string, source: RegExp) =>
    vi.waitFor(async () => expect((await server?.info(name))?.source).toMatch(source), { timeout: 15_000 });

  beforeAll(async () => {
    port = await freePort();
    store = startRedis(redis, port);
    [a, b, browser] = await Promise.all([start(), start(), launchChromium(chromium)]);
    publisher = await publish(a, "film");
  });
  afterAll(async () => {
    publisher?.destroy();
    await browser?.close();
    await Promise.all([a?.stop(), b?.stop()]);
    store?.kill();
  });

  test("show each other's streams over WebRTC and HTTP", async () => {
    await knows(b, "film", /publisher/);
    const page = await openPlayer(browser, `${b?.url}/watch/film`);
    expect((await waitForState(page, "live")).kind).toBe("live");
    await shows(page);
    // Its video and its figures come from there.
    await page.waitForFunction(
      () => document.querySelector("rendercast-player")?.stats.latency !== undefined,
    );
    expect((await a?.info("film"))?.viewers).toBe(1);
    const picture = await at(b, "/streams/film/snapshot.jpg");
    expect([picture.status, picture.headers.get("content-type")]).toEqual([200, "image/jpeg"]);
    await picture.body?.cancel();
    // Whatever server the first line of a request names, it is passed on to the one that has the stream.
    const elsewhere = await new Promise<number | undefined>((resolve, reject) => {
      const path = `http://127.0.0.1:${port}/streams/film/snapshot.jpg`;
      const asked = get({ host: "127.0.0.1", port: b?.port, path, agent: false }, (answer) => {
        answer.destroy();
        resolve(answer.statusCode);
      });
      asked.on("error", reject);
    });
    expect(elsewhere).toBe(200);
    const all = (await (await at(b, "/streams")).json()) as { name: string }[];
    expect(all.map(({ name }) => name).sort()).toEqual(["film", "main"]);
    await page.close();
    await vi.waitFor(async () => expect((await a?.info("film"))?.viewers).toBe(0));
  });

  test("forward nothing for a request with a host name that is not theirs", async () => {
    await knows(b, "film", /publisher/);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { Host: "attacker.example" };
      const path = "/streams/film/snapshot.jpg";
      get({ host: "127.0.0.1", port: b?.port, path, headers, agent: false }, (answer) => {
        answer.destroy();
        resolve(answer.statusCode);
      }).on("error", reject);
    });
    expect(status).toBe(403);
  });

  test("accept a WHEP session at either server, and one publisher per name", async () => {
    const headers = { "Content-Type": "application/sdp" };
    const made = await at(b, "/streams/film/whep", { method: "POST", headers, body: VIEWER_OFFER });
    expect(made.status).toBe(201);
    const session = new URL(made.headers.get("location") ?? "", `${b?.url}/streams/film/whep`).pathname;
    expect((await at(b, session, { method: "DELETE" })).status).toBe(200);
    expect((await at(a, session, { method: "DELETE" })).status).toBe(404);
    const second = await publish(b, "film");
    expect(await second.answer).toMatchObject({
      status: 409,
      text: expect.stringMatching(/^The stream 'film' is published at another server.*\.\n$/),
    });
  });

  test("keep serving alone without Redis or with a broken one, and join again", async () => {
    const client = createClient({ url: address() });
    await client.connect();
    const isHere = JSON.stringify({ kind: "here", from: "x".repeat(600_000) });
    for (const text of [
      "",
      "x",
      "{",
      "null",
      "[]",
      '{"kind":6}',
      '{"kind":"here"}',
      '{"kind":"ask"}',
      isHere,
    ])
      expect(await client.publish("rendercast:servers", text)).toBe(2);
    client.destroy();
    const page = await openPlayer(browser, `${b?.url}/watch/film`);
    await waitForState(page, "live");
    const readyTo = async (headers: HeadersInit) => (await at(b, "/readyz", { headers })).text();
    const ready = () => readyTo({ Authorization: `Bearer ${OPERATOR}` });
    const isAlone = () =>
      vi.waitFor(async () => expect(await ready()).toMatch(/Redis does not answer/), { timeout: 15_000 });
    // A hanging Redis does not answer either.
    store.kill("SIGSTOP");
    await isAlone();
    // Only operators learn that Redis joins the servers.
    for (const headers of [{ Authorization: "Bearer not-the-operator" }, { "X-Forwarded-For": "192.0.2.7" }])
      expect(await readyTo(headers)).toBe("Ready for viewers.\n");
    await knows(b, "film", /publisher/);
    store.kill("SIGKILL");
    await once(store, "exit");
    await isAlone();
    expect((await at(a, "/streams/film")).status).toBe(200);
    await shows(page);
    store = startRedis(redis, port);
    await vi.waitFor(async () => expect(await ready()).toBe("Ready for viewers.\n"), { timeout: 15_000 });
    await knows(b, "film", /publisher/);
    expect((await page.$eval("rendercast-player", ({ state }) => state)).kind).toBe("live");
    await page.close();
    for (const server of [a, b]) expect(server?.output()).not.toContain(REDIS_PASSWORD);
  });

  test("show what is published at either in place of their own scene, and what is left when one dies", async () => {
    const page = await openPlayer(browser, `${b?.url}/watch/main`);
    await waitForState(page, "live");
    const source = (is: string) =>
      page.waitForFunction(
        (text) => document.querySelector("#source")?.textContent?.includes(text),
        { timeout: 20_000 },
        is,
      );
    await source("built-in scene");
    const main = await publish(a, "main");
    await source("publisher");
    await vi.waitFor(async () => expect((await a?.info("main"))?.viewers).toBe(1), { timeout: 10_000 });
    a?.process.kill("SIGKILL");
    main.destroy();
    await source("built-in scene");
    await vi.waitFor(async () => expect((await b?.info("main"))?.viewers).toBe(1), { timeout: 10_000 });
    await shows(page);
    const again = await publish(b, "film");
    await knows(b, "film", /publisher/);
    again.destroy();
    await page.close();
  });
});
