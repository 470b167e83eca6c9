import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { describeInBrowsers } from "../setup/browsers.ts";
import {
  contrast,
  difference,
  openPlayer,
  readScreen,
  stateOf,
  troublesOf,
  waitForState,
  waitForStats,
} from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

describeInBrowsers("the MJPEG fallback", ({ name, launch }) => {
  let server: ServerProcess;
  let browser: Browser;
  let page: Page | undefined;

  beforeAll(async () => {
    server = await startServer();
    browser = await launch();
  });
  afterEach(async () => {
    await page?.close();
    page = undefined;
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const showsMotion = async (page: Page) => {
    const first = await readScreen(page);
    expect(contrast(first)).toBeGreaterThan(15);
    const stats = await waitForStats(page, ({ fps, latency }) => (fps ?? 0) > 10 && latency !== undefined);
    expect(difference(first, await readScreen(page))).toBeGreaterThan(0.5);
    return stats;
  };

  test("a browser without WebRTC shows MJPEG and says so", async () => {
    page = await openPlayer(browser, server.url, () => {
      Object.defineProperty(window, "RTCPeerConnection", { value: undefined });
    });
    expect((await waitForState(page, "fallback")).sentence).toMatch(/no WebRTC.*MJPEG/);
    expect(await showsMotion(page)).toMatchObject({
      transport: "mjpeg",
      codec: "MJPEG",
      width: 480,
      height: 270,
    });
    expect(troublesOf(page)).toEqual([]);
  });

  test("it falls back if no packet gets through, and returns to WebRTC as soon as one does", async () => {
    page = await openPlayer(browser, server.url, () => {
      // Until the test lifts it, the server's address is one that nothing answers at.
      const real = RTCPeerConnection.prototype.setRemoteDescription as (
        description: RTCSessionDescriptionInit,
      ) => Promise<void>;
      Object.assign(window, { blocked: true });
      RTCPeerConnection.prototype.setRemoteDescription = function (
        this: RTCPeerConnection,
        { type, sdp = "" }: RTCSessionDescriptionInit,
      ) {
        const elsewhere = sdp.replace(/^(a=candidate:\S+ 1 (?:udp|tcp) \d+) \S+ \d+/gm, "$1 203.0.113.1 9");
        return real.call(this, { type, sdp: "blocked" in window && window.blocked ? elsewhere : sdp });
      } as typeof RTCPeerConnection.prototype.setRemoteDescription;
    });
    expect((await waitForState(page, "fallback")).sentence).toMatch(
      /WebRTC did not connect.*MJPEG.*still trying/,
    );
    expect((await showsMotion(page)).transport).toBe("mjpeg");
    expect((await stateOf(page)).sentence).toMatch(/no reply from 203\.0\.113\.1:9\. A firewall may/);

    await page.evaluate(() => Object.assign(window, { blocked: false }));
    await waitForState(page, "live", 40_000);
    expect((await stateOf(page)).transport).toBe("webrtc");
    expect((await waitForStats(page, ({ codec }) => codec === "VP8")).transport).toBe("webrtc");
    expect(contrast(await readScreen(page))).toBeGreaterThan(15);
  });

  test("a plain img shows the stream, and each picture as soon as it is sent", async () => {
    page = await browser.newPage();
    await page.goto(`${server.url}/streams`);
    const size = await page.evaluate(async () => {
      const image = new Image();
      image.src = "/streams/main/mjpeg";
      document.body.append(image);
      await image.decode();
      return [image.naturalWidth, image.naturalHeight];
    });
    expect(size).toEqual([480, 270]);
  });

  // Browsers do not request it.
  test.runIf(name === "Chromium")("the snapshot is a JPEG of now", async () => {
    const response = await fetch(`${server.url}/streams/main/snapshot.jpg`);
    expect(response.headers.get("content-type")).toBe("image/jpeg");
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(bytes.subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));
    expect(Number(response.headers.get("x-frame-number"))).toBeGreaterThan(0);
  });
});
