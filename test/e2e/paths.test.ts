import type { Browser, Page } from "puppeteer-core";
import { afterEach, expect, test } from "vitest";
import { readConfig } from "../../src/config/config.ts";
import { type Rendercast, startRendercast } from "../../src/rendercast.ts";
import { plainIo } from "../../src/transport/io/plain.ts";
import { launchChromium } from "../helpers/browser.ts";
import { describeWith } from "../setup/suites.ts";
import { contrast, openPlayer, readScreen, waitForState, waitForStats } from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";
import { keepPeerConnections } from "./helpers/undisturbed.ts";

/** As in a network that lets no UDP through. */
function hideUdp() {
  const Real = RTCPeerConnection;
  Object.assign(window, {
    RTCPeerConnection: class extends Real {
      override async setRemoteDescription({ type, sdp = "" }: RTCSessionDescriptionInit): Promise<void> {
        await super.setRemoteDescription({ type, sdp: sdp.replace(/^a=candidate:udp.*\r\n/gm, "") });
      }
    },
  });
}

/** What the pair of addresses in use goes by. */
function protocolOf(page: Page): Promise<string | undefined> {
  return page.evaluate(async () => {
    const [connection] = (window as unknown as { kept: RTCPeerConnection[] }).kept;
    const reports = await connection?.getStats();
    for (const report of reports?.values() ?? []) {
      if (report.type === "transport") {
        const pair = reports?.get(report.selectedCandidatePairId ?? "");
        return reports?.get(pair?.localCandidateId ?? "")?.protocol;
      }
    }
    return undefined;
  });
}

describeWith(["chromium"], "a viewer's route", ({ chromium }) => {
  let browser: Browser | undefined;
  let server: ServerProcess | undefined;
  let here: Rendercast | undefined;
  afterEach(async () => {
    await browser?.close();
    await server?.stop();
    await here?.close();
    server = undefined;
    here = undefined;
  });

  test("is UDP", async () => {
    server = await startServer();
    browser = await launchChromium(chromium);
    const page = await openPlayer(browser, server.url, keepPeerConnections);
    await waitForState(page, "live");
    expect(await protocolOf(page)).toBe("udp");
  });

  test("is TCP on the same port if the network blocks UDP", async () => {
    server = await startServer();
    browser = await launchChromium(chromium);
    const page = await openPlayer(browser, server.url, keepPeerConnections);
    await page.evaluateOnNewDocument(hideUdp);
    await page.reload();
    await waitForState(page, "live");
    const { transport } = await waitForStats(page, ({ latency }) => latency !== undefined);
    expect(transport).toBe("webrtc");
    expect(await protocolOf(page)).toBe("tcp");
    expect(contrast(await readScreen(page))).toBeGreaterThan(15);
  });

  test("works equally when plain Node sends the media", async () => {
    const command = readConfig(["--port", "0", "--host", "127.0.0.1"], {});
    if (!("run" in command)) throw new Error("no configuration");
    here = await startRendercast(command.run, () => {}, { io: plainIo });
    browser = await launchChromium(chromium);
    const page = await openPlayer(browser, `http://127.0.0.1:${here.port}`, keepPeerConnections);
    await waitForState(page, "live");
    const { transport } = await waitForStats(page, ({ latency }) => latency !== undefined);
    expect(transport).toBe("webrtc");
    expect(contrast(await readScreen(page))).toBeGreaterThan(15);
  });
});
