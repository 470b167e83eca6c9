import type { Browser } from "puppeteer-core";
import { afterEach, expect, test, vi } from "vitest";
import { readConfig } from "../../src/config/config.ts";
import { type Rendercast, startRendercast } from "../../src/rendercast.ts";
import { plainIo } from "../../src/transport/io/plain.ts";
import { launchChromium, launchFirefox } from "../helpers/browser.ts";
import { losing } from "../helpers/losing-io.ts";
import { describeWith } from "../setup/suites.ts";
import { contrast, openPlayer, readScreen, waitForState } from "./helpers/player.ts";
import { keepPeerConnections } from "./helpers/undisturbed.ts";

const FRAMES = 200;

describeWith(["chromium", "firefox"], "with one lost packet in twenty,", ({ chromium, firefox }) => {
  let browser: Browser | undefined;
  let here: Rendercast | undefined;
  let io: ReturnType<typeof losing>;
  const start = async (delay: number) => {
    io = losing(plainIo, 0.05, delay);
    const command = readConfig(["--port", "0", "--rtc-port", "0"], {});
    if (!("run" in command)) throw new Error("no configuration");
    here = await startRendercast(command.run, () => {}, { io });
  };
  afterEach(async () => {
    await browser?.close();
    await here?.close();
  });

  test.each([
    ["Chromium", () => launchChromium(chromium)],
    ["Firefox", () => launchFirefox(firefox)],
  ])("%s shows every frame through retransmissions, not keyframes", async (_, launch) => {
    await start(0);
    browser = await launch();
    const page = await openPlayer(browser, `http://localhost:${here?.port}`, keepPeerConnections);
    await waitForState(page, "live");
    const received = () =>
      page.evaluate(async () => {
        const [connection] = (window as unknown as { kept: RTCPeerConnection[] }).kept;
        for (const report of (await connection?.getStats())?.values() ?? []) {
          if (report.type === "inbound-rtp" && report.kind === "video") {
            const { framesDecoded, nackCount, pliCount } = report;
            return { framesDecoded, nackCount, pliCount };
          }
        }
        return { framesDecoded: 0, nackCount: 0, pliCount: 0 };
      });
    const before = await received();
    await vi.waitFor(
      async () => expect((await received()).framesDecoded).toBeGreaterThan(before.framesDecoded + FRAMES),
      { timeout: 30_000, interval: 500 },
    );
    const after = await received();
    expect(io.lost).toBeGreaterThan(10);
    expect(after.nackCount).toBeGreaterThan(10);
    // A browser that was kept from its work may ask for one all the same; without repairs it asks after each loss.
    expect(after.pliCount - before.pliCount).toBeLessThan((after.nackCount - before.nackCount) / 5);
    expect(contrast(await readScreen(page))).toBeGreaterThan(15);
  });

  test("at a long round trip, Chromium restores packets from parity packets", async () => {
    await start(50);
    browser = await launchChromium(chromium);
    const page = await openPlayer(browser, `http://localhost:${here?.port}`, keepPeerConnections);
    const parity = () =>
      page.evaluate(async () => {
        const [connection] = (window as unknown as { kept: RTCPeerConnection[] }).kept;
        for (const report of (await connection?.getStats())?.values() ?? [])
          if (report.type === "inbound-rtp" && report.kind === "video")
            return { received: report.fecPacketsReceived ?? 0, discarded: report.fecPacketsDiscarded ?? 0 };
        return { received: 0, discarded: 0 };
      });
    await vi.waitFor(
      async () => {
        const { received, discarded } = await parity();
        // Those of frames without a loss are discarded.
        expect(received - discarded).toBeGreaterThan(10);
      },
      { timeout: 30_000, interval: 500 },
    );
  });
});
