import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { launchChromium } from "../helpers/browser.ts";
import { CLOSING, part } from "../helpers/multipart-writer.ts";
import { describeWith } from "../setup/suites.ts";
import { openPlayer, waitForState, waitForStats } from "./helpers/player.ts";
import { TestPublisher } from "./helpers/publisher.ts";
import { startServer } from "./helpers/server.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "rendercast-test-"));
  ends.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function started(...options: string[]) {
  const server = await startServer(...options);
  ends.push(() => server.stop());
  return server;
}

function textOf(page: Page, id: string): Promise<string> {
  return page.$eval(`#${id}`, (element) => element.textContent ?? "");
}

describeWith(["chromium"], "the page", ({ chromium }) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(chromium);
  });
  afterAll(async () => {
    await browser?.close();
  });

  const opened = async (url: string) => {
    const page = await openPlayer(browser, url);
    ends.push(() => page.close());
    return page;
  };

  test("aligns the picture with the text below, whatever its shape, beside telemetry and on a phone", async () => {
    const { url } = await started();
    const publisher = new TestPublisher(`${url}/streams/main`);
    ends.push(() => publisher.destroy());
    const page = await opened(url);
    for (const telemetry of ["", '{"angle":31.5}']) {
      for (const [width, height] of [
        [480, 270],
        [400, 300],
        [160, 320],
        [640, 160],
      ] as const) {
        const type = `application/x-raw-pixels; format=rgb; width=${width}; height=${height}`;
        const headers = { "Content-Type": type, ...(telemetry && { "X-Telemetry": telemetry }) };
        publisher.play(part(headers, Buffer.alloc(3 * width * height)));
        await waitForStats(page, (stats) => stats.width === width && stats.height === height);
        if (telemetry !== "") await page.waitForSelector("#telemetry:not([hidden])");
        for (const [viewportWidth, viewportHeight] of [
          [1280, 800],
          [900, 1200],
          [800, 360],
          [390, 844],
        ] as const) {
          await page.setViewport({ width: viewportWidth, height: viewportHeight });
          const edges = await page.evaluate(() =>
            ["rendercast-player", ".figures", "header"].map((selector) => {
              const { left, right } = document.querySelector(selector)?.getBoundingClientRect() ?? {};
              return [left, right];
            }),
          );
          const which = `${width}x${height} in ${viewportWidth}x${viewportHeight}, telemetry ${telemetry}`;
          expect(edges, which).toEqual([edges[0], edges[0], edges[0]]);
        }
      }
    }
  });

  test("shows neither frame rate nor latency for the last picture of an ended stream", async () => {
    const { url } = await started();
    const publisher = new TestPublisher(`${url}/streams/main`);
    const picture = part(
      { "Content-Type": "application/x-raw-pixels; format=rgb; width=64; height=48" },
      Buffer.alloc(3 * 64 * 48),
    );
    publisher.play(picture);
    const early = await opened(url);
    await waitForStats(early, (stats) => (stats.fps ?? 0) > 5);
    await publisher.end(CLOSING);
    const { sentence } = await waitForState(early, "ended");
    expect(sentence).toMatch(/^Ended at /);
    await waitForStats(early, (stats) => stats.fps === 0);
    expect(await textOf(early, "frame-rate")).toBe("0 fps");

    // One that comes now is shown a picture of before it.
    const late = await opened(url);
    await waitForStats(late, (stats) => stats.fps === 0);
    expect(await textOf(late, "latency")).toBe("–");

    const next = new TestPublisher(`${url}/streams/main`);
    ends.push(() => next.destroy());
    // A still scene has no latency to show.
    const other = part(
      { "Content-Type": "application/x-raw-pixels; format=rgb; width=64; height=48" },
      Buffer.alloc(3 * 64 * 48, 200),
    );
    next.play(picture, other);
    expect((await waitForState(early, "live")).notice).toMatch(/^The stream restarted at /);
    await waitForStats(late, (stats) => stats.latency !== undefined && stats.latency.p95 < 1000);
  });

  test("does not report the age of a still picture as latency when it opens", async () => {
    const { url } = await started();
    const publisher = new TestPublisher(`${url}/streams/main`);
    ends.push(() => publisher.destroy());
    const picture = (headers: Record<string, string>) =>
      part(
        { "Content-Type": "application/x-raw-pixels; format=rgb; width=64; height=48", ...headers },
        Buffer.alloc(3 * 64 * 48),
      );
    await publisher.send(picture({ "X-Captured": String(Date.now() - 9000) }));
    // MJPEG tells of its first picture too; by WebRTC that may come before the channel which tells.
    const page = await openPlayer(browser, url, () => Reflect.deleteProperty(window, "RTCPeerConnection"));
    ends.push(() => page.close());
    await waitForState(page, "fallback");
    await waitForStats(page, (stats) => stats.fps !== undefined);
    publisher.play(picture({}));
    const { latency } = await waitForStats(page, (stats) => stats.latency !== undefined);
    expect(latency?.p95).toBeLessThan(2000);
  });

  test("says why no picture comes from a folder, and waits for the next when the problem is solved", async () => {
    const folder = newFolder();
    writeFileSync(join(folder, "img.jpg"), "not a picture");
    const server = await started("--folder", folder);
    const page = await opened(server.url);
    const { label, sentence } = await waitForState(page, "failed");
    expect(label).toBe("No picture");
    expect(sentence).toBe("img.jpg is not a JPEG picture: have the loop write JPEG.");
    expect((await server.info()).problem).toBe(sentence);
    rmSync(join(folder, "img.jpg"));
    expect((await waitForState(page, "waiting")).sentence).toBe("Waiting for the first picture");
    expect(await server.info()).not.toHaveProperty("problem");
  });

  test("waits for Blender to start, shows no other picture meanwhile, and says why Blender gave up", async () => {
    const folder = newFolder();
    const [blender, script, goOn] = ["blender", "arm.py", "go-on"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(script, "");
    writeFileSync(
      blender,
      `#!${process.execPath}
      const { existsSync } = require("node:fs");
      setInterval(() => {
        if (!existsSync(${JSON.stringify(goOn)})) return;
        console.error("rendercast: the script ${script} has no camera Kamera.");
        process.exit(1);
      }, 20);
      `,
    );
    chmodSync(blender, 0o755);
    const server = await started("--blender", blender, "--script", script, "--camera", "Kamera");
    expect(server.output()).toContain("rendercast shows arm.py as 'main'");
    const page = await opened(server.url);
    expect((await waitForState(page, "waiting")).sentence).toBe("Blender is starting");
    expect(await textOf(page, "source")).toMatch(/^arm\.py · /);
    expect(await server.info()).toMatchObject({ state: { kind: "waiting", why: "Blender is starting" } });

    writeFileSync(goOn, "");
    const { sentence, picture } = await waitForState(page, "failed");
    expect(sentence).toBe("The script arm.py has no camera Kamera.");
    expect(picture).toBe("none");
    await vi.waitFor(() => expect(server.output()).toMatch(/is not restarted/));
    expect(await server.info()).toMatchObject({
      state: { kind: "waiting" },
      problem: sentence,
      source: "arm.py",
    });
    expect((await server.info()).state).not.toHaveProperty("why");

    // The server keeps serving publishers.
    const publisher = new TestPublisher(`${server.url}/streams/main`);
    ends.push(() => publisher.destroy());
    const type = "application/x-raw-pixels; format=rgb; width=64; height=48";
    publisher.play(part({ "Content-Type": type }, Buffer.alloc(3 * 64 * 48)));
    await waitForState(page, "live");
    expect(await server.info()).toMatchObject({ source: "publisher on this machine" });
    expect(await server.info()).not.toHaveProperty("problem");
  });
});
