import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { launchChromium } from "../helpers/browser.ts";
import { describeWith } from "../setup/suites.ts";
import { difference, openPlayer, readScreen, type Screenful, waitForState } from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

/** The built-in scene, which sends where its camera is with each frame. */
const SCRIPT = `
import sys
sys.path.insert(0, ${JSON.stringify(resolve("blender"))})
import bpy, demo_scene, rendercast
demo_scene.dress(bpy.context.scene)

def publish(scene, *_):
    camera = scene.camera
    rendercast.publish_data({"camera": [round(value, 4) for row in camera.matrix_world for value in row]})

bpy.app.handlers.frame_change_post.append(publish)
`;

/** The mean difference of two pictures of the same pose: video is lossy. */
const SAME = 2.5;

/** Drags from the middle of the picture, by fractions of its height. */
async function drag(page: Page, right: number, down: number): Promise<void> {
  const box = await (await page.$("rendercast-player"))?.boundingBox();
  if (!box) throw new Error("no player");
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + right * box.height, y + down * box.height, { steps: 5 });
  await page.mouse.up();
}

const differs = (page: Page, from: Screenful) =>
  expect.poll(async () => difference(from, await readScreen(page)), { timeout: 20_000 });

describeWith(["chromium", "blender"], "a viewer that controls a real Blender", ({ chromium, blender }) => {
  let browser: Browser;
  let server: ServerProcess;
  let folder: string;
  beforeAll(async () => {
    browser = await launchChromium(chromium);
    folder = mkdtempSync(join(tmpdir(), "rendercast-control-"));
    const script = join(folder, "scene.py");
    writeFileSync(script, SCRIPT);
    server = await startServer(
      ...["--blender", blender, "--script", script, "--turn", "none"],
      ...["--size", "320x180", "--control", "orbit"],
    );
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The camera of the scene, as the frame on the screen says. */
  const cameraOf = (page: Page) =>
    page.evaluate(() => document.querySelector("rendercast-player")?.telemetry?.data.camera);

  /** On a busy machine the lease may have ended: a key then asks for it, and moves nothing. */
  async function hold(page: Page): Promise<void> {
    if ((await holder()) === undefined) await page.keyboard.press("ArrowLeft");
    await expect.poll(holder).toBeDefined();
  }

  const holder = async () => (await server.info()).control?.holder;

  test("turns the picture by a drag, for all viewers, and back, and the scene's camera stays", async () => {
    const page = await openPlayer(browser, server.url);
    const other = await openPlayer(browser, server.url);
    await vi.waitFor(async () => expect((await server.info()).control).toEqual({ mode: "orbit" }), 40_000);
    await waitForState(page, "live", 40_000);
    await waitForState(other, "live", 40_000);
    const before = await readScreen(page);
    await differs(other, before).toBeLessThan(SAME);
    await expect.poll(() => cameraOf(page)).toHaveLength(16);
    const camera = await cameraOf(page);

    // Without the lease a drag moves nothing.
    await drag(page, 0.3, 0);
    expect(await holder()).toBeUndefined();
    await page.focus("rendercast-player");
    await page.keyboard.press("c");
    await expect.poll(holder).toBe(1);
    await drag(page, 0.3, 0.1);
    await differs(page, before).toBeGreaterThan(2 * SAME);
    await expect
      .poll(async () => difference(await readScreen(page), await readScreen(other)), { timeout: 20_000 })
      .toBeLessThan(SAME);
    expect(await cameraOf(page)).toEqual(camera);

    // A drag back by the same way shows the same picture; and so does Home.
    await hold(page);
    await drag(page, -0.3, -0.1);
    await differs(page, before).toBeLessThan(SAME);
    await hold(page);
    for (let n = 0; n < 5; n++) await page.keyboard.press("-");
    await differs(page, before).toBeGreaterThan(2 * SAME);
    await hold(page);
    await page.keyboard.press("Home");
    await differs(page, before).toBeLessThan(SAME);
    await page.keyboard.press("c");
    await expect.poll(holder).toBeUndefined();
  });
});

describeWith(
  ["chromium", "blender", "xvfb"],
  "the add-on in Blender's window",
  ({ chromium, blender, xvfb }) => {
    const ends: (() => unknown)[] = [];
    afterAll(async () => {
      for (const end of ends.splice(0).reverse()) await end();
    });

    test("lets viewers turn the stream while its box is ticked, and nothing in Blender moves", async () => {
      const browser = await launchChromium(chromium);
      ends.push(() => browser.close());
      const server = await startServer("--control", "orbit");
      ends.push(() => server.stop());
      const folder = mkdtempSync(join(tmpdir(), "rendercast-control-"));
      ends.push(() => rmSync(folder, { recursive: true, force: true }));
      const screen = spawn(xvfb, ["-displayfd", "3", "-screen", "0", "1000x700x24"], {
        stdio: ["ignore", "ignore", "ignore", "pipe"],
      });
      ends.push(() => screen.kill());
      const [display] = (await once(screen.stdio[3] as NodeJS.ReadableStream, "data")) as [Buffer];
      const child = spawn(
        blender,
        [
          ...["--factory-startup", "-noaudio", "--window-geometry", "0", "0", "1000", "700"],
          ...["-P", "test/blender/drive_control.py", "--", `${server.url}`, folder],
        ],
        {
          env: {
            ...process.env,
            HOME: folder,
            DISPLAY: `:${display.toString().trim()}`,
            LIBGL_ALWAYS_SOFTWARE: "1",
          },
        },
      );
      ends.push(() => child.kill("SIGKILL"));
      let output = "";
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (chunk) => {
          output += chunk;
        });

      const page = await openPlayer(browser, server.url);
      await vi
        .waitFor(async () => expect((await server.info()).control).toEqual({ mode: "orbit" }), 60_000)
        .catch((error: unknown) => {
          throw new Error(output, { cause: error });
        });
      await waitForState(page, "live", 40_000);
      // Not the built-in scene, which is larger.
      await expect.poll(async () => (await readScreen(page)).width, { timeout: 20_000 }).toBe(320);
      const before = await readScreen(page);
      await page.focus("rendercast-player");
      await page.keyboard.press("c");
      await expect.poll(async () => (await server.info()).control?.holder).toBe(1);
      await drag(page, 0.3, 0.1);
      await differs(page, before).toBeGreaterThan(2 * SAME);
      writeFileSync(join(folder, "untick"), "");
      await differs(page, before).toBeLessThan(SAME);
      await expect.poll(async () => (await server.info()).control).toBeUndefined();
      expect(output).not.toMatch(/moved|Traceback/);
    }, 180_000);
  },
);
