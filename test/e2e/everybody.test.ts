/** The pages for people with a finger in place of a mouse, with other colours, with another keyboard, or without scripts. */
import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { launchChromium } from "../helpers/browser.ts";
import { part } from "../helpers/multipart-writer.ts";
import { describeWith } from "../setup/suites.ts";
import { openPlayer, troublesOf, waitForState } from "./helpers/player.ts";
import { TestPublisher } from "./helpers/publisher.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** What a finger can hardly hit: targets of less than 44 pixels, and fields that make iOS zoom in. Runs in the page. */
function smallTargets(): string[] {
  const small: string[] = [];
  const dialog = document.querySelector("dialog[open]");
  const player = document.querySelector("rendercast-player");
  const roots: (Document | ShadowRoot)[] = [document, ...(player?.shadowRoot ? [player.shadowRoot] : [])];
  for (const root of roots) {
    // A figure of the statistics is a line of text, of which the whole row can be pressed.
    for (const target of root.querySelectorAll<HTMLElement>(
      "button, a[href], summary, select, input, textarea",
    )) {
      if (target.matches(".statistics *") || !target.checkVisibility({ visibilityProperty: true })) continue;
      target.scrollIntoView({ block: "center" });
      if (dialog && !dialog.contains(target)) continue;
      const name = `${target.tagName} ${target.id || target.ariaLabel || target.textContent?.trim()}`;
      const isField = target.matches("select, textarea");
      const size = Number.parseFloat(getComputedStyle(target).fontSize);
      if (isField && size < 16) small.push(`${name}: text of ${size} pixels`);
      if (target.matches("textarea")) continue;
      const pressed = target.matches("[type=checkbox]") ? (target.closest("label") ?? target) : target;
      const { left, top, width, height } = pressed.getBoundingClientRect();
      const [x, y] = [left + width / 2, top + height / 2];
      for (const [dx, dy] of [
        [-21, 0],
        [21, 0],
        [0, -21],
        [0, 21],
      ] as const) {
        const hit = root.elementFromPoint(x + dx, y + dy);
        if (hit && pressed.contains(hit)) continue;
        small.push(`${name}: ${width.toFixed(0)} x ${height.toFixed(0)}, missed at ${dx}, ${dy}`);
        break;
      }
    }
  }
  return small;
}

describeWith(["chromium"], "The pages", ({ chromium }) => {
  let browser: Browser;
  let server: ServerProcess;
  beforeAll(async () => {
    browser = await launchChromium(chromium);
    server = await startServer();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const opened = async (path: string, prepare?: () => void) => {
    const page = await openPlayer(browser, `${server.url}${path}`, prepare);
    ends.push(() => page.close());
    return page;
  };
  const publish = (name: string) => {
    const publisher = new TestPublisher(`${server.url}/streams/${name}`);
    ends.push(() => publisher.destroy());
    const type = "application/x-raw-pixels; format=rgb; width=320; height=180";
    const headers = { "Content-Type": type, "X-Telemetry": '{"angle":31.5}' };
    publisher.play(part(headers, Buffer.alloc(3 * 320 * 180, 200)));
  };
  const asPhone = (page: Page, width: number, height: number) =>
    page.setViewport({ width, height, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });

  test("have touch targets that are large enough", async () => {
    const page = await opened("/watch/main");
    await asPhone(page, 375, 740);
    expect(await page.evaluate(() => matchMedia("(pointer: coarse)").matches)).toBe(true);
    await waitForState(page, "live");
    await page.waitForSelector("#viewers:not([hidden])");
    await page.focus("rendercast-player");
    await page.keyboard.press("i");
    expect(await page.evaluate(smallTargets)).toEqual([]);
    await page.tap("rendercast-player >>> .statistics dl div");
    const explanation = await page.$eval("rendercast-player >>> .explanation", (one) => one.textContent);
    expect(explanation).toMatch(/^Time from the renderer/);
    await page.tap("#share");
    await page.waitForSelector("dialog[open] .code svg");
    expect(await page.evaluate(smallTargets)).toEqual([]);
    for (const path of ["/all", "/lab/main", "/nothing"]) {
      await page.goto(`${server.url}${path}`);
      if (path === "/all") await page.waitForSelector(".card");
      if (path === "/lab/main")
        await page.$eval("#result", (result) => {
          (result as HTMLElement).hidden = false;
        });
      expect(await page.evaluate(smallTargets), path).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(375);
    }
  });

  test("give the picture most of the screen of a phone in landscape", async () => {
    const page = await opened("/watch/main");
    for (const [width, height] of [
      [667, 375],
      [844, 390],
    ] as const) {
      await asPhone(page, width, height);
      await waitForState(page, "live");
      const share = await page.$eval("rendercast-player", (player) => player.offsetHeight / innerHeight);
      expect(share).toBeGreaterThan(0.75);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    }
  });

  test("show states, bars, switches and the focus in forced colours", async () => {
    const page = await opened("/watch/main");
    const session = await page.createCDPSession();
    await session.send("Emulation.setEmulatedMedia", {
      features: [{ name: "forced-colors", value: "active" }],
    });
    await waitForState(page, "live");
    const colour = (selector: string, property = "background-color") =>
      page.$eval(selector, (one, property) => getComputedStyle(one).getPropertyValue(property), property);
    const ground = await colour("body");
    expect(await page.evaluate(() => matchMedia("(forced-colors: active)").matches)).toBe(true);
    await page.$eval("#stages", (stages) => {
      const details = stages.closest("details");
      if (details) details.open = true;
    });
    await page.waitForSelector(".swatch");
    for (const selector of ["#pill .dot", "rendercast-player >>> .badge .dot", ".swatch", ".bar > span"])
      expect(await colour(selector), selector).not.toBe(ground);
    // A pressed button is told by more than a colour.
    await page.$eval("rendercast-player", (player) => {
      player.statistics = true;
    });
    expect(await colour('rendercast-player >>> [aria-pressed="true"]')).not.toBe(ground);

    await page.goto(`${server.url}/lab/main`);
    await page.waitForSelector(".legend .swatch");
    for (const selector of [".lane .key", ".legend .swatch", ".lane .bar > span", "#pill .dot"])
      expect(await colour(selector), selector).not.toBe(ground);
    const knob = () =>
      page.$eval('[role="switch"]', (one) => {
        const [body, knob] = [getComputedStyle(one), getComputedStyle(one, "::after")];
        return { body: body.backgroundColor, knob: knob.backgroundColor };
      });
    const on = await knob();
    expect(on.knob).not.toBe(on.body);
    await page.$eval('[role="switch"]', (one) => (one as HTMLInputElement).click());
    const off = await knob();
    expect(off.knob).not.toBe(off.body);
    expect(off.body).not.toBe(on.body);

    await page.goto(`${server.url}/all`);
    await page.waitForSelector(".card");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.className)).toBe("card");
    expect(await colour(".card", "outline-style")).toBe("solid");
  });

  test("show the right stream without JavaScript", async () => {
    publish("arm");
    await vi.waitFor(async () => expect((await server.info("arm")).state.kind).toBe("live"));
    const page = await browser.newPage({ type: "window" });
    ends.push(() => page.close());
    await page.setJavaScriptEnabled(false);
    const goto = (path: string) =>
      page.goto(`${server.url}${path}`, { waitUntil: "domcontentloaded", timeout: 10_000 });
    const visible = (selector: string) => page.waitForSelector(selector, { visible: true, timeout: 5000 });
    for (const path of ["/watch/arm", "/embed/arm"]) {
      await goto(path);
      const picture = await visible("img.plain");
      expect(await picture?.evaluate((one) => one.getAttribute("src"))).toBe("/streams/arm/mjpeg");
      expect(await picture?.evaluate((one) => one.getAttribute("alt"))).toContain("arm");
      await vi.waitFor(async () =>
        expect(await picture?.evaluate((one) => (one as HTMLImageElement).naturalWidth)).toBe(320),
      );
    }
    await goto("/lab/arm");
    expect(await page.$eval(".controls", (one) => getComputedStyle(one).display)).toBe("none");
    expect(await page.$eval("noscript a", (link) => link.getAttribute("href"))).toBe("/watch/arm");
    await goto("/all");
    await visible('a.card[href="/watch/main"]');
    const card = await visible('a.card[href="/watch/arm"]');
    expect(await card?.evaluate((one) => one.textContent?.trim())).toBe("arm");
    await vi.waitFor(async () =>
      expect(await card?.evaluate((one) => one.querySelector("img")?.naturalWidth)).toBeGreaterThan(0),
    );
    await goto("/");
    await visible("img.plain, a.card");
  });

  test("close the statistics with Escape", async () => {
    const page = await opened("/watch/main");
    await waitForState(page, "live");
    const isOpen = () => page.$eval("rendercast-player", (player) => player.statistics);
    for (const focused of ["rendercast-player", "body"]) {
      if (focused === "body") await page.evaluate(() => (document.activeElement as HTMLElement).blur());
      else await page.focus(focused);
      await page.keyboard.press("i");
      expect(await isOpen()).toBe(true);
      await page.keyboard.press("Escape");
      expect(await isOpen()).toBe(false);
    }
    expect(troublesOf(page)).toEqual([]);
  });

  test("explain manual copying if the clipboard is unavailable, with and without a keyboard", async () => {
    const page = await opened("/watch/main", () => {
      Object.defineProperty(navigator, "clipboard", { value: undefined });
      document.execCommand = () => false;
    });
    const copyButton = async () => {
      await page.$eval("#share", (button) => (button as HTMLButtonElement).click());
      const button = await page.waitForSelector("dialog[open] section button");
      await button?.evaluate((button) => (button as HTMLButtonElement).click());
      const text = await button?.evaluate(({ textContent }) => textContent);
      await page.$eval("dialog", (dialog) => dialog.close());
      return text;
    };
    expect(await copyButton()).toBe("Press Ctrl+C");
    await asPhone(page, 375, 740);
    expect(await copyButton()).toBe("Selected: copy it");
  });
});
