import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { launchChromium } from "../helpers/browser.ts";
import { LoopWriter } from "../helpers/loop-writer.ts";
import { describeWith } from "../setup/suites.ts";
import { openPlayer, readScreen, stateOf, waitForState } from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";
import { showsColour } from "./helpers/undisturbed.ts";

describeWith(["chromium"], "a folder in Chromium", ({ chromium }) => {
  let browser: Browser;
  let server: ServerProcess;
  let folder: string;
  let loop: LoopWriter;

  beforeAll(async () => {
    browser = await launchChromium(chromium);
  });
  afterAll(async () => {
    await browser?.close();
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "rendercast-test-"));
    loop = new LoopWriter({ folder });
    server = await startServer("--folder", folder, "--stall-after", "1");
  });
  afterEach(async () => {
    for (const page of await browser.pages()) if (page.url().startsWith(server.url)) await page.close();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const picture = (red: number, green: number, blue: number) =>
    sharp({ create: { width: 320, height: 180, channels: 3, background: { r: red, g: green, b: blue } } })
      .jpeg({ quality: 95 })
      .toBuffer();

  test("the page distinguishes not started, running, ended, restarted and crashed, and keeps the last picture", async () => {
    const page = await openPlayer(browser, server.url);
    await waitForState(page, "waiting");

    loop.begin();
    loop.write(await picture(200, 40, 40));
    await waitForState(page, "live");
    await showsColour(page, [200, 40, 40]);

    loop.end();
    expect((await waitForState(page, "ended")).sentence).toMatch(/^Ended at \d\d:\d\d:\d\d/);
    await showsColour(page, [200, 40, 40]);

    loop.begin();
    loop.write(await picture(40, 40, 200));
    await waitForState(page, "live");
    expect((await stateOf(page)).notice).toMatch(/restarted/);
    await showsColour(page, [40, 40, 200]);

    expect((await waitForState(page, "crashed")).sentence).toMatch(/crashed/);
    await showsColour(page, [40, 40, 200]);
  });

  test("a viewer that joins a still picture late gets it at once", async () => {
    loop.begin();
    loop.write(await picture(30, 160, 60));
    loop.end();
    const page = await openPlayer(browser, server.url);
    await waitForState(page, "ended");
    await showsColour(page, [30, 160, 60]);
    const second = await openPlayer(browser, server.url);
    await waitForState(second, "ended");
    await showsColour(second, [30, 160, 60]);
  });

  test("a torn picture is not shown, and the previous one stays", async () => {
    const page = await openPlayer(browser, server.url);
    loop.begin();
    loop.write(await picture(200, 200, 40));
    await showsColourOnceLive();
    const torn = await picture(10, 10, 10);
    for (const step of loop.steps(torn.subarray(0, torn.length - 40))) if (step === "chunk") break;
    await waitForState(page, "crashed");
    await showsColour(page, [200, 200, 40]);

    async function showsColourOnceLive() {
      await waitForState(page, "live");
      await showsColour(page, [200, 200, 40]);
    }
  });

  test("a stream stays visible when its picture changes size", async () => {
    const page = await openPlayer(browser, server.url);
    loop.begin();
    loop.write(await picture(200, 40, 40));
    await waitForState(page, "live");
    await showsColour(page, [200, 40, 40]);
    const larger = { width: 641, height: 359, channels: 3, background: { r: 60, g: 60, b: 180 } } as const;
    loop.write(await sharp({ create: larger }).jpeg({ quality: 95 }).toBuffer());
    await showsColour(page, [60, 60, 180]);
    expect(await readScreen(page)).toMatchObject({ width: 641, height: 359 });
  });
});
