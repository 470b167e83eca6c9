import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchFirefox } from "../browser.ts";
import { describeWith } from "../setup/suites.ts";
import { contrast, difference, openPlayer, readScreen, waitForState, waitForStats } from "./player.ts";
import { type ServerProcess, startServer } from "./server.ts";

describeWith(["firefox"], "Firefox", ({ firefox }) => {
  let browser: Browser;
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServer();
    browser = await launchFirefox(firefox);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("shows the built-in scene by WebRTC", async () => {
    const page = await openPlayer(browser, server.url);
    await waitForState(page, "live", 40_000);
    const first = await readScreen(page);
    expect([first.width, first.height]).toEqual([480, 270]);
    expect(contrast(first)).toBeGreaterThan(15);
    const stats = await waitForStats(page, ({ fps }) => (fps ?? 0) > 5);
    expect(stats).toMatchObject({ transport: "webrtc", codec: "VP8" });
    expect(difference(first, await readScreen(page))).toBeGreaterThan(0.5);
  });
});
