import type { Browser } from "puppeteer-core";
import { afterEach, expect, test } from "vitest";
import { launchChromium } from "../browser.ts";
import { describeWith } from "../setup/suites.ts";
import { contrast, openPlayer, readScreen, waitForState } from "./player.ts";
import { type ServerProcess, startServer } from "./server.ts";

describeWith(["chromium"], "a restart of the server", ({ chromium }) => {
  let browser: Browser | undefined;
  const servers: ServerProcess[] = [];
  afterEach(async () => {
    await browser?.close();
    for (const server of servers.splice(0)) await server.stop();
  });

  test.each<[string, NodeJS.Signals]>([
    ["ended with Ctrl-C", "SIGINT"],
    ["killed", "SIGKILL"],
  ])("%s and started again, it is live again on a page that was never reloaded", async (_, signal) => {
    const first = await startServer();
    servers.push(first);
    browser = await launchChromium(chromium);
    const page = await openPlayer(browser, first.url);
    await waitForState(page, "live");
    await page.evaluate(() => Object.assign(window, { neverReloaded: true }));

    first.process.kill(signal);
    await waitForState(page, "away");
    expect(contrast(await readScreen(page))).toBeGreaterThan(15);
    servers.push(await startServer("--port", String(first.port)));
    await waitForState(page, "live");
    expect(contrast(await readScreen(page))).toBeGreaterThan(15);
    expect(await page.evaluate(() => "neverReloaded" in window)).toBe(true);
  });
});
