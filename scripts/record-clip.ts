/**
 * Records the moving picture of the README: the viewer page in Chromium while Blender draws the robot arm.
 *
 *     npm run record-clip
 *
 * Takes a minute, and writes docs/robot-arm.webp. Needs Blender and Chromium, as the end-to-end tests do.
 */
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { startServer } from "../test/e2e/helpers/server.ts";
import { launchChromium } from "../test/helpers/browser.ts";
import { findParts } from "../test/setup/plan.ts";
import { system } from "../test/setup/system.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const VIEW = { width: 1000, height: 860 };

/** Width of the clip in pixels. */
const WIDTH = 720;

/** Of the clip: a fourth of the arm's loop of 24 s. */
const DURATION_MS = 6000;
const FRAME_MS = 100;

const { chromium } = findParts(system);
if (chromium === undefined) throw new Error("Install Chromium first: apt-get install chromium.");
const server = await startServer(
  ...["--script", `${ROOT}examples/robot-arm/robot_arm.py`, "--size", "640x360", "--fps", "15"],
);
const browser = await launchChromium(chromium);
try {
  const page = await browser.newPage();
  await page.setViewport(VIEW);
  await page.goto(server.url);
  await page.waitForFunction("document.querySelector('rendercast-player')?.state?.kind === 'live'", {
    timeout: 60_000,
  });
  // Ten seconds fill the plots.
  await page.waitForFunction("performance.now() > 25000", { timeout: 60_000 });
  await writeFile(`${ROOT}docs/robot-arm.webp`, await clipOf(await screenshots(page)));
} finally {
  await browser.close();
  await server.stop();
}

type Page = Awaited<ReturnType<typeof browser.newPage>>;

/** PNG files, one for each {@link FRAME_MS}: the newest that Chromium had drawn by then. */
async function screenshots(page: Page): Promise<Buffer[]> {
  const client = await page.createCDPSession();
  const shots: { readonly at: number; readonly png: Buffer }[] = [];
  client.on("Page.screencastFrame", ({ data, metadata, sessionId }) => {
    shots.push({ at: (metadata.timestamp ?? 0) * 1000, png: Buffer.from(data, "base64") });
    void client.send("Page.screencastFrameAck", { sessionId });
  });
  await client.send("Page.startScreencast", { format: "png", maxWidth: VIEW.width, maxHeight: VIEW.height });
  await new Promise((resolve) => setTimeout(resolve, DURATION_MS + 2 * FRAME_MS));
  await client.send("Page.stopScreencast");
  const begin = shots[0]?.at ?? 0;
  return Array.from({ length: DURATION_MS / FRAME_MS }, (_, index) => {
    const shot = shots.findLast(({ at }) => at <= begin + index * FRAME_MS);
    if (!shot) throw new Error("Chromium drew nothing; try again.");
    return shot.png;
  });
}

/** An animated WebP that repeats for ever. */
async function clipOf(frames: readonly Buffer[]): Promise<Buffer> {
  const resized = await Promise.all(frames.map((png) => sharp(png).resize(WIDTH).png().toBuffer()));
  const delay = frames.map(() => FRAME_MS);
  return sharp(resized, { join: { animated: true } })
    .webp({ quality: 60, effort: 5, delay, loop: 0 })
    .toBuffer();
}
