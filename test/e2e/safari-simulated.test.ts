/**
 * What only Safari has, simulated in Chromium after its documentation. docs/platforms.md says that no real Safari was
 * tried.
 */
import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { launchChromium } from "../helpers/browser.ts";
import { describeWith } from "../setup/suites.ts";
import { openPlayer, troublesOf, waitForState } from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

/** Safari 16.4: no custom states (17.4), no `URL.canParse` (17.0). */
function olderSafari(): void {
  const { supports } = CSS;
  CSS.supports = (...query: string[]) =>
    !query.join().includes(":state(") && supports.apply(CSS, query as [string]);
  Reflect.deleteProperty(ElementInternals.prototype, "states");
  Reflect.deleteProperty(URL, "canParse");
}

/** Safari on an iPhone: no element goes full screen but a video, which pauses when it leaves. */
function iPhone(): void {
  Object.defineProperty(document, "fullscreenEnabled", { value: undefined });
  Reflect.deleteProperty(Element.prototype, "requestFullscreen");
  Object.assign(HTMLVideoElement.prototype, {
    webkitEnterFullscreen(this: HTMLVideoElement) {
      document.documentElement.dataset.entered = String(this.videoWidth);
    },
  });
}

describeWith(["chromium"], "Safari, simulated in Chromium,", ({ chromium }) => {
  let server: ServerProcess;
  let browser: Browser;
  let page: Page;
  beforeAll(async () => {
    server = await startServer();
    browser = await launchChromium(chromium);
  });
  afterEach(async () => {
    expect(troublesOf(page)).toEqual([]);
    await page.close();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const styleOf = (selector: string, property: string) =>
    page.evaluate(
      (selector, property) => {
        const element = document.querySelector("rendercast-player")?.shadowRoot?.querySelector(selector);
        return element && getComputedStyle(element).getPropertyValue(property);
      },
      selector,
      property,
    );

  test("before version 17.4 plays, and shows buttons and states by an attribute", async () => {
    page = await openPlayer(browser, `${server.url}/watch/main`, olderSafari);
    await waitForState(page, "live");
    expect(await page.$eval("rendercast-player", ({ dataset }) => dataset.states?.split(" "))).toEqual(
      expect.arrayContaining(["live", "picture", "quiet"]),
    );
    expect(await styleOf(".state", "opacity")).toBe("0");
    expect(await styleOf(".play", "display")).toBe("none");
    await page.$eval("rendercast-player", (player) => player.pause());
    await waitForState(page, "paused");
    expect(await styleOf(".play", "display")).toBe("grid");
  });

  test("on an iPhone shows the video in full screen by button, key and double tap, and plays on after it", async () => {
    page = await openPlayer(browser, `${server.url}/watch/main`, iPhone);
    await waitForState(page, "live");
    const entered = async () => {
      const width = await page.$eval("html", ({ dataset }) => dataset.entered);
      await page.$eval("html", ({ dataset }) => delete dataset.entered);
      return width;
    };
    const button = await page.waitForSelector('rendercast-player >>> [aria-label="Full screen (f)"]');
    await button?.evaluate((button) => (button as HTMLButtonElement).click());
    expect(await entered()).toBe("480");
    await page.focus("rendercast-player");
    await page.keyboard.press("f");
    expect(await entered()).toBe("480");
    await page.click("rendercast-player", { count: 2 });
    expect(await entered()).toBe("480");

    const plays = await page.evaluate(() => {
      const video = document.querySelector("rendercast-player")?.shadowRoot?.querySelector("video");
      video?.pause();
      video?.dispatchEvent(new Event("webkitendfullscreen"));
      return video?.paused === false;
    });
    expect(plays).toBe(true);
  });
});
