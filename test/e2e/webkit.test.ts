/** WebKitGTK is built without WebRTC: this holds the pages and MJPEG in the engine of Safari, not the video. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { part } from "../helpers/multipart-writer.ts";
import { describeWith } from "../setup/suites.ts";
import { TestPublisher } from "./helpers/publisher.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";
import { launchWebKit, type WebKit } from "./helpers/webkit.ts";

/** By WebDriver, section 17.4.2. */
const ESCAPE = "\uE00C";

describeWith(["webkit", "xvfb"], "WebKit", (programs) => {
  let server: ServerProcess;
  let browser: WebKit;

  beforeAll(async () => {
    server = await startServer();
    browser = await launchWebKit(programs);
  });
  afterEach(async () => {
    expect(await browser.troubles()).toEqual([]);
  });

  const showsMjpeg = () =>
    browser.waitFor(() => {
      const player = document.querySelector("rendercast-player");
      const { fps, latency, transport, codec, width, height } = player?.stats ?? {};
      if (player?.state?.kind !== "fallback" || !latency || (fps ?? 0) < 5) return undefined;
      return { sentence: player.state.sentence, transport, codec, width, height };
    });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("shows MJPEG on the page of a stream, and says why", async () => {
    await browser.goto(`${server.url}/watch/main`);
    expect(await showsMjpeg()).toEqual({
      sentence: "This browser has no WebRTC. Showing MJPEG",
      transport: "mjpeg",
      codec: "MJPEG",
      width: 480,
      height: 270,
    });
    await expect
      .poll(() => browser.evaluate(() => document.querySelector(".figures")?.textContent), {
        timeout: 10_000,
      })
      .toMatch(/ms.*fps.*Mbit.*480 × 270.*MJPEG/s);
  });

  test("shows it in an embedded page, and in the element on a page of another origin", async () => {
    await browser.goto(`${server.url}/embed/main`);
    await showsMjpeg();
    expect(await browser.troubles()).toEqual([]);

    const html = `<!doctype html><title>site</title><script type="module" src="${server.url}/player.js"></script>
      <rendercast-player src="${server.url}/streams/main"></rendercast-player>`;
    const site = createServer((_request, response) => response.end(html)).listen(0, "localhost");
    await once(site, "listening");
    try {
      await browser.goto(`http://localhost:${(site.address() as AddressInfo).port}/`);
      await showsMjpeg();
      const size = await browser.evaluate(async () => {
        const blob = await document.querySelector("rendercast-player")?.snapshot();
        const { width, height } = await createImageBitmap(blob as Blob);
        return [width, height];
      });
      expect(size).toEqual([480, 270]);
    } finally {
      site.closeAllConnections();
      site.close();
    }
  });

  test("handles keys, and shows the Share panel", async () => {
    await browser.goto(`${server.url}/watch/main`);
    await showsMjpeg();
    await browser.press("i");
    await browser.waitFor(() => document.querySelector("rendercast-player")?.statistics);
    await browser.press(ESCAPE);
    await browser.waitFor(() => document.querySelector("rendercast-player")?.statistics === false);
    await browser.click("#share");
    const link = await browser.waitFor(() => {
      const dialog = document.querySelector("dialog[open]");
      return dialog?.querySelector(".code svg") && dialog.querySelector("textarea")?.value;
    });
    expect(link).toMatch(/\/watch\/main$/);
  });

  test("shows MJPEG in a plain img", async () => {
    await browser.goto(`${server.url}/streams`);
    await browser.evaluate(() => {
      const image = new Image();
      image.src = "/streams/main/mjpeg";
      document.body.append(image);
    });
    await browser.waitFor(() => document.images[0]?.naturalWidth === 480);
  });

  test("lists the streams with pictures that move", async () => {
    await browser.goto(`${server.url}/all`);
    const first = await browser.waitFor(() => {
      const picture = document.querySelector<HTMLImageElement>(".card img");
      return picture !== null && picture.naturalWidth > 0 && picture.src;
    });
    await browser.waitFor(
      (before) => document.querySelector<HTMLImageElement>(".card img")?.src !== before,
      first,
    );
  });

  test("measures in the lab what it can show, and says what it cannot", async () => {
    await browser.goto(`${server.url}/lab/main`);
    await browser.waitFor(() => document.querySelector("#label")?.textContent === "Measuring");
    await browser.waitFor(() =>
      [...document.querySelectorAll(".lane")].some(({ textContent }) =>
        /MJPEG by fetch.*\d ms/s.test(textContent),
      ),
    );
    const text = await browser.evaluate(() => document.querySelector("#lanes")?.textContent);
    expect(text).toMatch(/This browser has no WebRTC/);
  });
});

describeWith(["webkit", "xvfb"], "WebKit in the language C, which is no language of the web,", (programs) => {
  test("shows the lab and the telemetry", async () => {
    const server = await startServer();
    const browser = await launchWebKit(programs, "C.UTF-8");
    const publisher = new TestPublisher(`${server.url}/streams/arm`);
    try {
      await browser.goto(`${server.url}/lab/main`);
      await browser.waitFor(() => document.querySelector("#label")?.textContent === "Measuring");
      expect(await browser.troubles()).toEqual([]);

      const type = "application/x-raw-pixels; format=rgb; width=320; height=180";
      const headers = { "Content-Type": type, "X-Telemetry": '{"angle":31.5}' };
      publisher.play(part(headers, Buffer.alloc(3 * 320 * 180, 90)));
      await browser.goto(`${server.url}/watch/arm`);
      await browser.waitFor(() => document.querySelector("#telemetry:not([hidden]) .plot") !== null);
      expect(await browser.troubles()).toEqual([]);
    } finally {
      publisher.destroy();
      await browser.close();
      await server.stop();
    }
  });
});
