import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "puppeteer-core";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchChromium } from "../helpers/browser.ts";
import { describeWith } from "../setup/suites.ts";
import {
  contrast,
  difference,
  openPlayer,
  readScreen,
  type Screenful,
  waitForState,
} from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

const LOOP = fileURLToPath(new URL("../../blender/loop.py", import.meta.url));

async function renderedPicture(file: string): Promise<Screenful> {
  const { data, info } = await sharp(file).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, pixels: data };
}

describeWith(["chromium", "blender"], "Blender to Chromium", ({ chromium, blender }) => {
  const folder = mkdtempSync(join(tmpdir(), "rendercast-test-"));
  let browser: Browser;
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServer("--folder", folder);
    browser = await launchChromium(chromium);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    rmSync(folder, { recursive: true });
  });

  test("a scene that Blender renders is what the browser shows, moving while the loop runs", async () => {
    const page = await openPlayer(browser, server.url);
    await waitForState(page, "waiting");
    const loop = spawn(
      blender,
      ["-b", "--factory-startup", "-noaudio", "-P", LOOP, "--", "--folder", folder],
      {
        stdio: "ignore",
      },
    );
    const exited = once(loop, "exit");
    try {
      await waitForState(page, "live", 40_000);
      const early = await readScreen(page);
      expect([early.width, early.height]).toEqual([480, 270]);
      expect(contrast(early)).toBeGreaterThan(10);
      await expect
        .poll(async () => difference(early, await readScreen(page)), { timeout: 10_000 })
        .toBeGreaterThan(1);
    } finally {
      loop.kill("SIGTERM");
      await exited;
    }

    await waitForState(page, "ended");
    const rendered = await renderedPicture(join(folder, "img.jpg"));
    await expect
      .poll(async () => difference(rendered, await readScreen(page)), { timeout: 10_000 })
      .toBeLessThan(3);
    // The measure tells pictures apart: the same scene, turned the other way, is far from it.
    const mirrored = await sharp(join(folder, "img.jpg")).flop().ensureAlpha().raw().toBuffer();
    expect(difference({ ...rendered, pixels: mirrored }, await readScreen(page))).toBeGreaterThan(6);
  });
});
