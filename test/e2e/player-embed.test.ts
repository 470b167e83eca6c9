import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { describeInBrowsers } from "../setup/browsers.ts";
import { stateOf, waitForState, waitForStats } from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";
import { connectionsOf, keepPeerConnections } from "./helpers/undisturbed.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function started(...options: string[]): Promise<ServerProcess> {
  const server = await startServer(...options);
  ends.push(() => server.stop());
  return server;
}

/** A page of somebody else, with nothing of rendercast but its player; at `http://localhost:PORT`. */
async function somebodysPage(body: (server: string) => string, server: string): Promise<number> {
  const site = createServer((_request, response) => {
    const script = `<script type="module" src="${server}/player.js"></script>`;
    response.setHeader("Content-Type", "text/html").end(`<!doctype html>${script}${body(server)}`);
  });
  site.listen(0);
  await once(site, "listening");
  ends.push(() => site.close());
  return (site.address() as AddressInfo).port;
}

const onePlayer = (server: string) => `<rendercast-player src="${server}/streams/main"></rendercast-player>`;

async function metric(server: ServerProcess, name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const line = text.split("\n").find((line) => line.startsWith(name));
  return Number(line?.split(" ").at(-1));
}

const viewersAre = (server: ServerProcess, count: number) =>
  vi.waitFor(async () => expect((await server.info()).viewers).toBe(count), {
    timeout: 20_000,
    interval: 100,
  });

/** It is paused and costs the server nothing, until it is played again and shows what is now. */
async function pausesAndPlays(page: Page, server: ServerProcess): Promise<void> {
  await page.evaluate(() => document.querySelector("rendercast-player")?.pause());
  expect((await stateOf(page)).kind).toBe("paused");
  await viewersAre(server, 0);
  const sent = () => metric(server, 'rendercast_datagrams_total{outcome="sent"}');
  const before = await sent();
  expect(before).toBeGreaterThan(0);
  // Frames that a viewer would have been sent.
  for (let picture = 0; picture < 5; picture++)
    await (await fetch(`${server.url}/streams/main/snapshot.jpg`)).bytes();
  expect(await sent()).toBe(before);
  const { latency, fps } = await waitForStats(page, (stats) => stats.fps === undefined);
  expect([latency, fps]).toEqual([undefined, undefined]);

  await page.evaluate(() => document.querySelector("rendercast-player")?.play());
  await waitForState(page, "live");
  await viewersAre(server, 1);
}

test("the player is one module of less than 60 KB that pages of any origin may load", async () => {
  const server = await started();
  const response = await fetch(`${server.url}/player.js`);
  expect(response.headers.get("access-control-allow-origin")).toBe("*");
  expect(response.headers.get("content-type")).toMatch(/^text\/javascript/);
  const module = await response.text();
  expect(module).not.toMatch(/\bimport\s*[({*"'\w]/);
  expect(gzipSync(module).length).toBeLessThan(60_000);
});

describeInBrowsers("the player on somebody's page", ({ launch }) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch({ hosts: ["studio.example"] });
  });
  afterAll(async () => {
    await browser?.close();
  });

  async function opened(url: string, prepare?: () => void): Promise<Page> {
    const page = await browser.newPage({ type: "window" });
    ends.push(() => page.close());
    if (prepare) await page.evaluateOnNewDocument(prepare);
    await page.goto(url);
    return page;
  }

  test("plays a stream of another origin, gives a snapshot, and costs nothing while it is paused", async () => {
    const server = await started();
    const port = await somebodysPage(onePlayer, server.url);
    const page = await opened(`http://127.0.0.1:${port}`);
    await waitForState(page, "live");
    await viewersAre(server, 1);
    const png = await page.evaluate(async () => {
      const picture = await document.querySelector("rendercast-player")?.snapshot();
      const { width, height } = await createImageBitmap(picture as Blob);
      return { type: picture?.type, width, height };
    });
    expect(png).toEqual({ type: "image/png", width: 480, height: 270 });
    await pausesAndPlays(page, server);
    const { latency } = await waitForStats(page, (stats) => stats.latency !== undefined);
    expect(latency?.p95).toBeLessThan(2000);
    const { link, level } = await waitForStats(
      page,
      (stats) => stats.level !== undefined && stats.link?.path !== undefined,
    );
    expect(level).toBe(0);
    expect(link?.path?.candidate).toMatch(/^(host|prflx)$/);
  });

  test("plays in an iframe of another origin", async () => {
    const server = await started("--embed-from", "*");
    const port = await somebodysPage(
      (url) => `<iframe src="${url}/embed/main" width="480" height="270" allow="autoplay"></iframe>`,
      server.url,
    );
    const page = await opened(`http://127.0.0.1:${port}`);
    const frame = await page.waitForFrame((one) => one.url().endsWith("/embed/main"));
    await frame.waitForFunction(() => document.querySelector("rendercast-player")?.state?.kind === "live", {
      timeout: 20_000,
      polling: 50,
    });
    await viewersAre(server, 1);
  });

  test("plays twice on one page, each only while it is in sight", async () => {
    const server = await started();
    const far = '<div style="height: 400vh"></div>';
    const port = await somebodysPage((url) => onePlayer(url) + onePlayer(url) + far, server.url);
    const page = await opened(`http://localhost:${port}`);
    await page.setViewport({ width: 400, height: 700 });
    await viewersAre(server, 2);
    const kinds = () => page.$$eval("rendercast-player", (players) => players.map(({ state }) => state.kind));
    await vi.waitFor(async () => expect(await kinds()).toEqual(["live", "live"]), { timeout: 20_000 });
    await page.evaluate(() => window.scrollTo(0, 10_000));
    await viewersAre(server, 0);
    expect(await kinds()).toEqual(["paused", "paused"]);
    await page.evaluate(() => window.scrollTo(0, 0));
    await viewersAre(server, 2);
    await vi.waitFor(async () => expect(await kinds()).toEqual(["live", "live"]), { timeout: 20_000 });
  });

  test("pauses in a background tab, and is live when the tab returns", async () => {
    const server = await started();
    // Two tabs of one window.
    const page = await browser.newPage();
    ends.push(() => page.close());
    await page.goto(server.url);
    await waitForState(page, "live");
    const other = await browser.newPage();
    ends.push(() => other.close());
    await viewersAre(server, 0);
    expect(await stateOf(page)).toMatchObject({ kind: "paused", why: "unseen" });
    await page.bringToFront();
    await waitForState(page, "live");
    await viewersAre(server, 1);
  });

  test("says why a page of another host may not play, and plays if it may and has the token", async () => {
    const token = "correct-horse-battery";
    const strict = await started();
    const port = await somebodysPage(onePlayer, strict.url);
    const origin = `http://studio.example:${port}`;
    const refused = await waitForState(await opened(origin), "refused");
    expect(refused.sentence).toMatch(`Start rendercast with --embed-from ${origin}.`);

    const open = await started("--embed-from", origin, "--view-token", token);
    const page = await opened(origin);
    await page.evaluate((src) => {
      const [player] = document.getElementsByTagName("rendercast-player");
      if (player) player.src = src;
    }, `${open.url}/streams/main`);
    await vi.waitFor(async () => expect((await stateOf(page)).sentence).toMatch(/private/), {
      timeout: 20_000,
    });
    await page.evaluate((token) => {
      const [player] = document.getElementsByTagName("rendercast-player");
      if (player) player.token = token;
    }, token);
    await waitForState(page, "live");
  });

  test("does not show a server that stopped answering as live", async () => {
    const server = await started();
    const page = await opened(server.url);
    await waitForState(page, "live");
    await waitForStats(page, ({ fps }) => (fps ?? 0) > 5);
    server.process.kill("SIGSTOP");
    ends.push(() => server.process.kill("SIGCONT"));
    const { sentence } = await waitForState(page, "stalled", 6000);
    expect(sentence).toMatch(/ since \d\d:/);
    server.process.kill("SIGCONT");
    await waitForState(page, "live");
  });

  test("requests a keyframe, and then reconnects, if packets arrive but no frames", async () => {
    const server = await started();
    const page = await opened(server.url, keepPeerConnections);
    await page.evaluateOnNewDocument(() => {
      // A decoder that is stuck while `frozen` is set: as seen by the page, which is all that it goes by.
      const real = RTCPeerConnection.prototype.getStats;
      let frames: unknown;
      RTCPeerConnection.prototype.getStats = async function (this: RTCPeerConnection) {
        const report = await real.call(this);
        if (!("frozen" in window)) return report;
        return new Map(
          [...report].map(([id, stats]) => {
            if (stats.type === "inbound-rtp") frames ??= stats.framesDecoded;
            return [id, stats.type === "inbound-rtp" ? { ...stats, framesDecoded: frames } : stats];
          }),
        ) as unknown as RTCStatsReport;
      };
    });
    await page.reload();
    await waitForState(page, "live");
    await waitForStats(page, ({ fps }) => (fps ?? 0) > 5);
    const before = await metric(server, "rendercast_keyframe_requests_total");
    await page.evaluate(() => Object.assign(window, { frozen: true }));
    await vi.waitFor(
      async () => expect(await metric(server, "rendercast_keyframe_requests_total")).toBeGreaterThan(before),
      { timeout: 20_000 },
    );
    await vi.waitFor(async () => expect(await connectionsOf(page)).toBeGreaterThan(1), { timeout: 20_000 });
    await page.evaluate(() => Reflect.deleteProperty(window, "frozen"));
    await waitForState(page, "live");
  });
});
