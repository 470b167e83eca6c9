import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { FRAME_CODE_CELLS, frameCodeCellSize, readFrameCode } from "../../src/shared/frame-code.ts";
import { describeInBrowsers } from "../setup/browsers.ts";
import {
  contrast,
  difference,
  openPlayer,
  readScreen,
  type Screenful,
  troublesOf,
  waitForState,
  waitForStats,
} from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

/** The frame number that the picture itself shows. */
function frameNumber({ width, height, pixels }: Screenful): number | undefined {
  const size = frameCodeCellSize(width);
  const row = height - Math.ceil(size / 2);
  const middle = (cell: number) => pixels[4 * (row * width + Math.floor((cell + 0.5) * size)) + 1] ?? 0;
  return readFrameCode(Array.from({ length: FRAME_CODE_CELLS }, (_, cell) => middle(cell)));
}

describeInBrowsers("the built-in scene", ({ name, launch }) => {
  /** What is the server's doing alone is seen in one of them. */
  const once = test.runIf(name === "Chromium");

  let browser: Browser;
  let server: ServerProcess;
  const pages: Page[] = [];

  beforeAll(async () => {
    browser = await launch();
    server = await startServer();
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((page) => page.close()));
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const open = async () => {
    const page = await openPlayer(browser, server.url);
    pages.push(page);
    return page;
  };
  const viewersAre = (count: number) =>
    vi.waitFor(async () => expect((await server.info()).viewers).toBe(count), { timeout: 30_000 });

  test("is live over WebRTC, moves, and its frame code keeps counting", async () => {
    const page = await open();
    await waitForState(page, "live");
    const first = await readScreen(page);
    expect([first.width, first.height]).toEqual([480, 270]);
    expect(contrast(first)).toBeGreaterThan(15);

    const stats = await waitForStats(page, ({ fps, latency }) => (fps ?? 0) > 10 && latency !== undefined);
    const later = await readScreen(page);
    expect(difference(first, later)).toBeGreaterThan(0.5);
    expect(frameNumber(later)).toBeGreaterThan(frameNumber(first) ?? Number.POSITIVE_INFINITY);
    expect(stats).toMatchObject({ transport: "webrtc", codec: "VP8", width: 480, height: 270 });
    expect(troublesOf(page)).toEqual([]);
  });

  test("reports the latency of the frame on screen and its stages", async () => {
    const page = await open();
    await waitForState(page, "live");
    const { latency, stages } = await waitForStats(
      page,
      (stats) => stats.latency !== undefined && stats.stages.length > 5,
    );
    const sum = stages.reduce((total, { time }) => total + time, 0);
    // Medians of the parts need not add up to the median of the whole, least of all where chance has frames meet this
    // refresh of the screen or the next; but they are parts of it.
    expect(sum).toBeGreaterThan((latency?.median ?? 0) * 0.5 - 20);
    expect(sum).toBeLessThan((latency?.median ?? 0) * 1.5 + 20);
  });

  once("ten viewers watch at once, and leave nothing behind", async () => {
    await Promise.all(Array.from({ length: 10 }, open));
    await Promise.all(pages.map((page) => waitForState(page, "live")));
    for (const page of pages) expect(contrast(await readScreen(page))).toBeGreaterThan(15);
    await viewersAre(10);
    await Promise.all(pages.splice(0).map((page) => page.close()));
    await viewersAre(0);
  });

  test("a viewer leaves, comes back, and is live again", async () => {
    const page = await open();
    for (let visit = 0; visit < 3; visit++) {
      await waitForState(page, "live");
      await viewersAre(1);
      await page.goto("about:blank");
      await viewersAre(0);
      await page.goto(server.url);
    }
    await waitForState(page, "live");
  });

  once("nothing is encoded while nobody watches", async () => {
    await viewersAre(0);
    const encoded = async () => {
      const counts = (await metrics()).matchAll(/^rendercast_encoded_frames_total\{.*\} (\d+)$/gm);
      return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
    };
    const metrics = async () => (await fetch(`${server.url}/metrics`)).text();
    const before = await encoded();
    expect(before).toBeGreaterThan(0);
    // The next second's worth of descriptions is proof that time has passed without frames.
    await vi.waitFor(async () => expect((await server.info()).fps).toBe(0), { timeout: 10_000 });
    expect(await encoded()).toBe(before);
  });

  once("a viewer that vanishes without a goodbye is gone within 15 seconds", async () => {
    const doomed = await launch();
    const page = await openPlayer(doomed, server.url);
    await waitForState(page, "live");
    await viewersAre(1);
    // Stopped with all its processes it neither answers nor closes a socket, like a laptop that lost its network.
    const group = -(doomed.process()?.pid ?? Number.NaN);
    process.kill(group, "SIGSTOP");
    try {
      await viewersAre(0);
    } finally {
      process.kill(group, "SIGKILL");
    }
  });
});
