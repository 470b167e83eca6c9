import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PlayerState } from "../../web/player/session/state.ts";
import { launchChromium, launchFirefox } from "../helpers/browser.ts";
import { describeWith } from "../setup/suites.ts";
import { contrast, readScreen, stateOf, waitForState } from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

/**
 * Runs in the page: autoplay as iOS refuses it in Low Power Mode. A video plays only if a tap has once called its `play()`
 * (WebKit, `RequireUserGestureForVideoDueToLowPowerMode`).
 */
function refuseAutoplay(): void {
  const { prototype } = HTMLMediaElement;
  Object.defineProperty(prototype, "autoplay", { set() {}, get: () => false });
  const { play } = prototype;
  const tapped = new WeakSet<HTMLMediaElement>();
  let isInTap = false;
  // Not `navigator.userActivation`: each script of a test's driver counts as the user's.
  const onTap = ({ isTrusted }: Event) => {
    isInTap = isTrusted;
    setTimeout(() => {
      isInTap = false;
    });
  };
  addEventListener("click", onTap, { capture: true });
  prototype.play = function () {
    if (isInTap) tapped.add(this);
    if (tapped.has(this)) return play.call(this);
    return Promise.reject(new DOMException("play() needs a user gesture", "NotAllowedError"));
  };
}

/** Runs in the page: writes each state to the console, because scripts of the driver let Firefox play. */
function logStates(): void {
  const log = (event: Event) => console.log((event as CustomEvent<PlayerState>).detail.kind);
  document.addEventListener("statechange", log, { capture: true });
}

/** Presses the large button of the player, as a finger or a mouse does. */
async function pressPlay(page: Page): Promise<void> {
  const button = await page.waitForSelector("rendercast-player >>> .play", { visible: true });
  await button?.click();
}

describeWith(["chromium", "firefox"], "where the browser refuses autoplay,", ({ chromium, firefox }) => {
  let server: ServerProcess;
  const browsers: Browser[] = [];
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(async () => {
    for (const browser of browsers) await browser.close();
    await server?.stop();
  });

  const playsAfterTap = async (launched: Promise<Browser>, prepare: () => void) => {
    const browser = await launched;
    browsers.push(browser);
    const page = await browser.newPage();
    await page.evaluateOnNewDocument(logStates);
    await page.evaluateOnNewDocument(prepare);
    const paused = new Promise<void>((resolve) => {
      page.on("console", (message) => message.text() === "paused" && resolve());
    });
    await page.goto(`${server.url}/watch/main`);
    await paused;
    expect(await waitForState(page, "paused")).toMatchObject({ why: "blocked", transport: "webrtc" });
    await pressPlay(page);
    expect((await waitForState(page, "live")).transport).toBe("webrtc");
    expect(contrast(await readScreen(page))).toBeGreaterThan(15);
    return page;
  };

  test("Firefox with blocked autoplay shows the play button, and plays after a click", async () => {
    const blocked = { "media.autoplay.default": 5, "media.autoplay.blocking_policy": 0 };
    await playsAfterTap(launchFirefox(firefox, [], undefined, blocked), () => {});
  });

  test("an iPhone in Low Power Mode, simulated in Chromium, plays after one tap, also after a pause", async () => {
    const page = await playsAfterTap(launchChromium(chromium), refuseAutoplay);

    await page.evaluate(() => document.querySelector("rendercast-player")?.pause());
    expect(await stateOf(page)).toMatchObject({ kind: "paused", why: "asked" });
    // The new connection must use the video that was tapped.
    await page.evaluate(() => document.querySelector("rendercast-player")?.play());
    await waitForState(page, "live");
  });
});
