import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import type { AxeResults } from "axe-core";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { launchChromium } from "../helpers/browser.ts";
import { part } from "../helpers/multipart-writer.ts";
import { describeWith } from "../setup/suites.ts";
import { openPlayer, troublesOf, waitForState } from "./helpers/player.ts";
import { TestPublisher } from "./helpers/publisher.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** What axe-core finds wrong, for people: the rule, and where. */
async function findings(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => {
    const { axe } = window as unknown as { readonly axe: { run(): Promise<AxeResults> } };
    return (await axe.run()).violations;
  });
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${impact} ${id} at ${target.join(" ")}: ${failureSummary}`),
  );
}

/** By night and by day, on a desk and on a phone. */
async function holds(page: Page, name: string): Promise<void> {
  for (const scheme of ["dark", "light"]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    for (const [width, height] of [
      [1280, 800],
      [360, 740],
    ] as const) {
      await page.setViewport({ width, height });
      const where = `${name}, ${scheme}, ${width} pixels wide`;
      expect(await findings(page), where).toEqual([]);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(wide, `${where}: scrolls sideways`).toBeLessThanOrEqual(width);
    }
  }
}

describeWith(["chromium"], "the pages", ({ chromium }) => {
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

  const opened = async (url: string) => {
    const page = await openPlayer(browser, url);
    ends.push(() => page.close());
    return page;
  };
  const publish = (name: string) => {
    const publisher = new TestPublisher(`${server.url}/streams/${name}`);
    ends.push(() => publisher.destroy());
    const type = "application/x-raw-pixels; format=rgb; width=320; height=180";
    const headers = { "Content-Type": type, "X-Telemetry": '{"angle":31.5,"state":"moving"}' };
    publisher.play(part(headers, Buffer.alloc(3 * 320 * 180, 90)));
  };

  test("show one stream, its data, who watches it and how to share it, to everybody", async () => {
    publish("arm");
    const page = await opened(`${server.url}/watch/arm`);
    await waitForState(page, "live");
    await page.waitForSelector("#telemetry:not([hidden]) .plot");
    // It is there once the server has told that this browser may see who watches.
    await page.waitForSelector("#viewers:not([hidden])");
    // Not by clicks: what opens moves what is below it.
    await page.$$eval("details", (all) => {
      for (const one of all) one.open = true;
    });
    await page.waitForSelector(".stages dt");
    await page.waitForFunction(() =>
      /WebRTC, UDP/.test(document.querySelector("#viewers")?.textContent ?? ""),
    );
    await holds(page, "the stream");

    await page.click("#share");
    await page.waitForSelector("dialog[open] .code svg");
    await holds(page, "the Share panel");
    const link = await page.$eval("dialog textarea", (field) => field.value);
    expect(link).toMatch(/\/watch\/arm$/);
    // Opened as localhost, it offers what a phone can reach, where there is such an address.
    const made = await (await fetch(`${server.url}/streams/arm/share`, { method: "POST" })).json();
    expect(link).toBe(made.link);
    const copies = async () =>
      page.$eval("dialog section button", (button) => {
        button.click();
        return button.textContent;
      });
    await vi.waitFor(async () => expect(await copies()).toBe("Copied"));
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { hidden: true });
    expect(troublesOf(page)).toEqual([]);
  });

  test("share by whichever address is chosen, and by the page's own where the server makes no links", async () => {
    const page = await opened(`${server.url}/watch/main`);
    const origins = ["http://studio.example:8080", "http://198.51.100.7:8080"] as const;
    let rights = ["view", "operate", "share"];
    await page.setRequestInterception(true);
    page.on("request", (request) => {
      const path = new URL(request.url()).pathname;
      const links = {
        link: `${origins[0]}/watch/main`,
        alternatives: [`${origins[1]}/watch/main`],
        image: `${origins[0]}/streams/main/mjpeg`,
      };
      const answer = path.endsWith("/rights") ? rights : path.endsWith("/share") ? links : undefined;
      if (answer) void request.respond({ contentType: "application/json", body: JSON.stringify(answer) });
      else void request.continue();
    });
    const openShare = async () => {
      await page.click("#share");
      await page.waitForSelector("dialog[open] .code svg");
    };
    const shown = () =>
      page.$eval("dialog", (dialog) => ({
        texts: [...dialog.querySelectorAll("textarea")].map(({ value }) => value),
        code: dialog.querySelector(".code")?.innerHTML,
        choices: dialog.querySelectorAll("option").length,
      }));
    await openShare();
    const first = await shown();
    expect(first.choices).toBe(2);
    for (const text of first.texts) expect(text).toContain(origins[0]);
    await page.select("dialog select", `${origins[1]}/watch/main`);
    const second = await shown();
    for (const text of second.texts) expect(text).toContain(origins[1]);
    expect(second.code).not.toBe(first.code);
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { hidden: true });

    rights = ["view"];
    await openShare();
    const own = await shown();
    expect(own.choices).toBe(0);
    expect(own.texts[0]).toBe(`${server.url}/watch/main`);
    expect(troublesOf(page)).toEqual([]);
  });

  test("list all streams with pictures that move, and lead to each and back", async () => {
    publish("arm");
    publish("film");
    await vi.waitFor(async () => {
      const streams: { name: string }[] = await (await fetch(`${server.url}/streams`)).json();
      expect(streams.map(({ name }) => name)).toEqual(expect.arrayContaining(["main", "arm", "film"]));
    });
    const page = await opened(server.url);
    await page.waitForFunction(() => {
      const pictures = [...document.querySelectorAll<HTMLImageElement>(".card img")];
      return pictures.length >= 3 && pictures.every(({ naturalWidth }) => naturalWidth > 0);
    });
    expect(await page.$$eval(".card .name", (names) => names.map(({ textContent }) => textContent))).toEqual(
      expect.arrayContaining(["main", "arm", "film"]),
    );
    const first = await page.$eval(".card img", (picture) => picture.src);
    await page.waitForFunction(
      (before) => document.querySelector<HTMLImageElement>(".card img")?.src !== before,
      {},
      first,
    );
    await holds(page, "the list");
    await Promise.all([page.waitForNavigation(), page.click('a[href="/watch/arm"]')]);
    await waitForState(page, "live");
    await Promise.all([page.waitForNavigation(), page.click("#home")]);
    await page.waitForSelector(".card");
    expect(troublesOf(page)).toEqual([]);
  });

  test("measure in the lab, with buttons that stay readable under the pointer", async () => {
    const page = await opened(`${server.url}/lab/main`);
    await page.waitForFunction(() => document.querySelector("#label")?.textContent === "Measuring");
    await holds(page, "the lab");
    await page.hover("#record");
    await holds(page, "the lab, with the pointer on Record");
    expect(troublesOf(page)).toEqual([]);
  });

  test("say what to do where there is nothing", async () => {
    const page = await opened(`${server.url}/watch/bad name!`);
    expect(await page.$eval("main", ({ textContent }) => textContent)).toMatch(/letters, digits, dots/);
    await holds(page, "nothing");
    expect(troublesOf(page)).toEqual([expect.stringContaining("404")]);
    const answer = await fetch(`${server.url}/watch/bad name!`);
    expect([answer.status, await answer.text()]).toEqual([
      404,
      expect.stringContaining("No stream has this name"),
    ]);

    // One that may still come is waited for.
    const early = await opened(`${server.url}/watch/early`);
    await early.waitForFunction(() => document.querySelector("rendercast-player")?.state.kind === "refused");
    // It needs no action, so neither the pill nor the player's dot is in the colour of an error.
    expect(await early.$eval("p#pill", ({ dataset }) => dataset.tone)).toBe("busy");
    expect(
      await early.$eval(
        "rendercast-player",
        ({ shadowRoot }) => shadowRoot?.querySelector<HTMLElement>(".state .dot")?.dataset.tone,
      ),
    ).toBe("busy");
    publish("early");
    await waitForState(early, "live");
  });

  test("play in a frame of another origin, and as the example's element there", async () => {
    const example = readFileSync(new URL("../../examples/embed/index.html", import.meta.url), "utf8");
    const frame = `<!doctype html><title>frame</title><iframe title="live" src="${server.url}/embed/main" width="640" height="360"></iframe>`;
    const site = createServer((request, response) => {
      const body = request.url === "/frame" ? frame : example.replaceAll("http://localhost:8080", server.url);
      response.setHeader("Content-Type", "text/html; charset=utf-8").end(body);
    }).listen(0);
    ends.push(() => site.close());
    await vi.waitFor(() => expect(site.listening).toBe(true));
    const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;

    const framed = await opened(`${origin}/frame`);
    await vi.waitFor(
      async () => {
        const inner = framed.frames().find((one) => one.url().includes("/embed/"));
        expect(await inner?.evaluate(() => document.querySelector("rendercast-player")?.state.kind)).toBe(
          "live",
        );
      },
      { timeout: 20_000 },
    );
    expect(troublesOf(framed)).toEqual([]);

    publish("main");
    const page = await opened(origin);
    await waitForState(page, "live");
    await page.waitForFunction(() => document.querySelector("#data")?.textContent?.includes("angle"));
    expect(troublesOf(page)).toEqual([]);
  });
});
