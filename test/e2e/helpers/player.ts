/** The viewer page as a test sees it: through the player's public surface, and its pixels. */
import type { Browser, Page } from "puppeteer-core";
import type { PlayerStats } from "../../../web/player/figures/player-stats.ts";
import type { PlayerState } from "../../../web/player/session/state.ts";

/** Everything that went wrong in a page: an honest page has none of it. */
const troubles = new WeakMap<Page, string[]>();

/** Opens the page of a stream. `prepare` runs in the page before its own scripts. */
export async function openPlayer(browser: Browser, url: string, prepare?: () => void): Promise<Page> {
  // A window of its own: a tab behind another is hidden, and its player rests.
  const page = await browser.newPage({ type: "window" });
  const found: string[] = [];
  troubles.set(page, found);
  page.on("pageerror", (error) => found.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") found.push(message.text());
  });
  if (prepare) await page.evaluateOnNewDocument(prepare);
  await page.goto(url);
  return page;
}

export function troublesOf(page: Page): string[] {
  return troubles.get(page) ?? [];
}

/** Waits until the player is in the state. */
export async function waitForState(
  page: Page,
  kind: PlayerState["kind"],
  timeout = 20_000,
): Promise<PlayerState> {
  try {
    await page.waitForFunction(
      (wanted) => document.querySelector("rendercast-player")?.state?.kind === wanted,
      { timeout, polling: 50 },
      kind,
    );
  } catch (cause) {
    throw new Error(`the player did not become ${kind} but is ${JSON.stringify(await stateOf(page))}`, {
      cause,
    });
  }
  return stateOf(page);
}

export function stateOf(page: Page): Promise<PlayerState> {
  return page.evaluate(() => document.querySelector("rendercast-player")?.state as PlayerState);
}

/** Waits until the figures are what the test wants of them. */
export async function waitForStats(
  page: Page,
  wanted: (stats: PlayerStats) => boolean,
): Promise<PlayerStats> {
  for (;;) {
    const stats = await page.evaluate(
      () => document.querySelector("rendercast-player")?.stats as PlayerStats,
    );
    if (wanted(stats)) return stats;
    await page.waitForFunction(
      (before) => JSON.stringify(document.querySelector("rendercast-player")?.stats) !== before,
      { polling: 50 },
      JSON.stringify(stats),
    );
  }
}

/** What is on the screen: RGBA, as wide and high as the stream. */
export interface Screenful {
  readonly width: number;
  readonly height: number;
  readonly pixels: Buffer;
}

/** Reads the picture now shown, from the video or from the canvas of the fallback. */
export async function readScreen(page: Page): Promise<Screenful> {
  const { width, height, base64 } = await page.evaluate(() => {
    const root = document.querySelector("rendercast-player")?.shadowRoot;
    // The canvas lies over the video.
    const shown = root?.querySelector("canvas:not([hidden])") ?? root?.querySelector("video");
    if (!(shown instanceof HTMLVideoElement || shown instanceof HTMLCanvasElement))
      throw new Error("no picture");
    const isVideo = shown instanceof HTMLVideoElement;
    const width = isVideo ? shown.videoWidth : shown.width;
    const height = isVideo ? shown.videoHeight : shown.height;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    context?.drawImage(shown, 0, 0);
    const bytes = context?.getImageData(0, 0, width, height).data ?? new Uint8ClampedArray();
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return { width, height, base64: btoa(text) };
  });
  return { width, height, pixels: Buffer.from(base64, "base64") };
}

/** The mean absolute difference of two pictures' colour channels, 0 to 255. */
export function difference(a: Screenful, b: Screenful): number {
  if (a.width !== b.width || a.height !== b.height) throw new Error("pictures of different sizes");
  let sum = 0;
  for (let i = 0; i < a.pixels.length; i++) {
    if (i % 4 !== 3) sum += Math.abs((a.pixels[i] ?? 0) - (b.pixels[i] ?? 0));
  }
  return sum / (a.width * a.height * 3);
}

/** The spread of brightness over the picture: 0 for a picture of one colour. */
export function contrast({ pixels }: Screenful): number {
  const greens = pixels.filter((_, i) => i % 4 === 1);
  const mean = greens.reduce((sum, green) => sum + green, 0) / greens.length;
  return Math.sqrt(greens.reduce((sum, green) => sum + (green - mean) ** 2, 0) / greens.length);
}
