import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { PixelFormat } from "../../src/media/frame.ts";
import { launchChromium } from "../helpers/browser.ts";
import { CLOSING, image, part, raw } from "../helpers/multipart-writer.ts";
import { type Rgb, stripes, stripesFile } from "../helpers/pictures.ts";
import { describeWith } from "../setup/suites.ts";
import { contrast, difference, openPlayer, readScreen, troublesOf, waitForState } from "./helpers/player.ts";
import { TestPublisher } from "./helpers/publisher.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

const RED_GREY_WHITE: readonly Rgb[] = [
  [255, 0, 0],
  [128, 128, 128],
  [255, 255, 255],
];

/** Waits until the screen has this size and these stripes, within what VP8 makes of them. */
async function showsStripes(page: Page, width: number, height: number, colours: readonly Rgb[]) {
  const stripesShown = async () => {
    const screen = await readScreen(page);
    const shown = colours.map((colour, n) => {
      const row = Math.floor(((n + 0.5) * screen.height) / colours.length);
      const at = 4 * (row * screen.width + Math.floor(screen.width / 2));
      const pixel = [...screen.pixels.subarray(at, at + 3)];
      return pixel.every((level, channel) => Math.abs(level - (colour[channel] ?? 0)) < 10) ? colour : pixel;
    });
    return { width: screen.width, height: screen.height, shown };
  };
  await expect.poll(stripesShown, { timeout: 20_000 }).toEqual({ width, height, shown: colours });
}

describeWith(["chromium"], "a program of one's own, in Chromium", ({ chromium }) => {
  let browser: Browser;
  let server: ServerProcess;
  let publisher: TestPublisher;
  let page: Page;

  beforeAll(async () => {
    server = await startServer();
    browser = await launchChromium(chromium);
    page = await openPlayer(browser, server.url);
    await waitForState(page, "live");
    publisher = new TestPublisher(`${server.url}/streams/main`);
  });
  afterAll(async () => {
    publisher?.destroy();
    await browser?.close();
    await server?.stop();
  });

  const rgba = (width: number, height: number, colours = RED_GREY_WHITE) =>
    raw("rgba", width, height, stripes("rgba", width, height, colours));

  test.each(["jpeg", "png", "webp"] as const)(
    "%s is shown in its colours, the right way up",
    async (type) => {
      const file = await stripesFile(type, 240, 150, RED_GREY_WHITE);
      publisher.play(part({ "Content-Type": `image/${type}` }, file));
      await showsStripes(page, 240, 150, RED_GREY_WHITE);
      // The next type must not pass for this one.
      publisher.play(rgba(64, 48, RED_GREY_WHITE.toReversed()));
      await showsStripes(page, 64, 48, RED_GREY_WHITE.toReversed());
    },
  );

  test.each<PixelFormat>(["rgba", "bgra", "rgb", "i420", "nv12"])(
    "raw %s are shown in their colours, the right way up from the top or from the bottom",
    async (format) => {
      const pixels = stripes(format, 241, 151, RED_GREY_WHITE);
      publisher.play(raw(format, 241, 151, pixels));
      await showsStripes(page, 241, 151, RED_GREY_WHITE);
      publisher.play(raw(format, 241, 151, pixels, "; rows=bottom-up"));
      await showsStripes(page, 241, 151, RED_GREY_WHITE.toReversed());
    },
  );

  test("a stream stays visible when its picture changes size", async () => {
    for (const [width, height] of [
      [320, 180],
      [33, 47],
      [641, 359],
      [16, 16],
      [480, 270],
    ] as const) {
      publisher.play(rgba(width, height));
      await showsStripes(page, width, height, RED_GREY_WHITE);
    }
    expect(troublesOf(page)).toEqual([]);
  });

  test("the snapshot is of the publisher's picture, whatever the format", async () => {
    for (const format of ["bgra", "i420"] as const) {
      publisher.play(raw(format, 50, 40, stripes(format, 50, 40, RED_GREY_WHITE)));
      await showsStripes(page, 50, 40, RED_GREY_WHITE);
      const response = await fetch(`${server.url}/streams/main/snapshot.jpg`);
      expect(response.headers.get("content-type")).toBe("image/jpeg");
      expect(Buffer.from(await response.arrayBuffer()).subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));
    }
  });

  test("a page opened before its stream exists is live as soon as the stream starts", async () => {
    const early = await openPlayer(browser, `${server.url}/watch/later`);
    await waitForState(early, "refused");
    await early.evaluate(() => Object.assign(window, { neverReloaded: true }));
    const later = new TestPublisher(`${server.url}/streams/later`);
    later.play(rgba(64, 48));
    await waitForState(early, "live", 40_000);
    await showsStripes(early, 64, 48, RED_GREY_WHITE);
    expect(await early.evaluate(() => "neverReloaded" in window)).toBe(true);
    later.destroy();
    await early.close();
  });
});

describeWith(["chromium", "ffmpeg"], "ffmpeg as the publisher", ({ chromium, ffmpeg }) => {
  let browser: Browser;
  let server: ServerProcess;
  let folder: string;
  let film: ChildProcess | undefined;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "rendercast-test-"));
    server = await startServer();
    browser = await launchChromium(chromium);
  });
  afterAll(async () => {
    film?.kill("SIGKILL");
    await browser?.close();
    await server?.stop();
    rmSync(folder, { recursive: true });
  });

  const run = (...options: string[]) =>
    spawn(ffmpeg, ["-hide_banner", "-loglevel", "error", "-nostdin", ...options], { stdio: "inherit" });

  test("a film is shown, moves, and ends when ffmpeg is stopped", async () => {
    const file = join(folder, "any.mp4");
    const source = ["-f", "lavfi", "-i", "testsrc=size=322x182:rate=20", "-t", "60"];
    const [code] = await once(run(...source, "-c:v", "mpeg4", file), "close");
    expect(code).toBe(0);

    const child = run("-re", "-i", file, "-f", "mpjpeg", `${server.url}/streams/film`);
    film = child;
    await vi.waitFor(async () => expect((await server.info("film")).state.kind).toBe("live"), {
      timeout: 20_000,
    });
    const page = await openPlayer(browser, `${server.url}/watch/film`);
    await waitForState(page, "live");
    const first = await readScreen(page);
    expect([first.width, first.height]).toEqual([322, 182]);
    expect(contrast(first)).toBeGreaterThan(15);
    await expect
      .poll(async () => difference(first, await readScreen(page)), { timeout: 20_000 })
      .toBeGreaterThan(0.5);

    child.kill("SIGINT");
    await waitForState(page, "ended");
    expect(troublesOf(page)).toEqual([]);
  });
});

describeWith(["curl"], "curl as the publisher", ({ curl }) => {
  let server: ServerProcess;
  let folder: string;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "rendercast-test-"));
    server = await startServer();
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true });
  });

  /** Its standard output when it has ended: the answer, then the status. */
  const run = (...options: string[]) => {
    const child = spawn(curl, ["--silent", "--show-error", "--write-out", "%{http_code}", ...options]);
    children.push(child);
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    return { child, ended: once(child, "close").then(([code]) => ({ code, output })) };
  };
  const to = (name: string) => `${server.url}/streams/${name}`;
  const widthIs = (name: string, width: number) =>
    vi.waitFor(
      async () => {
        await fetch(`${to(name)}/snapshot.jpg`);
        expect((await server.info(name)).width).toBe(width);
      },
      { timeout: 15_000 },
    );

  test("a file of two pictures is published, and has ended", async () => {
    const [first, second] = [
      await stripesFile("jpeg", 40, 30, RED_GREY_WHITE),
      await stripesFile("jpeg", 80, 60, RED_GREY_WHITE),
    ];
    const file = join(folder, "two.multipart");
    writeFileSync(file, Buffer.concat([image(first), image(second), CLOSING]));
    expect(await run("-X", "POST", "--data-binary", `@${file}`, to("file")).ended).toEqual({
      code: 0,
      output: "204",
    });
    expect((await server.info("file")).state.kind).toBe("ended");
    await widthIs("file", 80);
  });

  test("pictures from a pipe are published as they arrive", async () => {
    const { child, ended } = run("-X", "POST", "-T", "-", to("pipe"));
    child.stdin.write(image(await stripesFile("jpeg", 40, 30, RED_GREY_WHITE)));
    await widthIs("pipe", 40);
    expect((await server.info("pipe")).state.kind).toBe("live");
    child.stdin.write(
      image(await stripesFile("png", 90, 70, RED_GREY_WHITE), { "Content-Type": "image/png" }),
    );
    await widthIs("pipe", 90);
    child.stdin.end(CLOSING);
    expect(await ended).toEqual({ code: 0, output: "204" });
    expect((await server.info("pipe")).state.kind).toBe("ended");
  });

  test("a body that is not multipart gets a sentence that says so", async () => {
    const file = join(folder, "picture.jpg");
    writeFileSync(file, await stripesFile("jpeg", 40, 30, RED_GREY_WHITE));
    const alone = run("-X", "POST", "--data-binary", `@${file}`, to("alone"));
    expect((await alone.ended).output).toMatch(/^[A-Z].*\.\n400$/);
    const typed = run("-H", "Content-Type: image/jpeg", "--data-binary", `@${file}`, to("typed"));
    expect((await typed.ended).output).toMatch(/^Publish as multipart.*\.\n415$/);
    expect((await fetch(to("typed"))).status).toBe(404);
  });
});
