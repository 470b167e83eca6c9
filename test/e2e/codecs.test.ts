import type { Browser, Page } from "puppeteer-core";
import { afterEach, expect, test, vi } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { readConfig } from "../../src/config/config.ts";
import { type Internals, type Rendercast, startRendercast } from "../../src/rendercast.ts";
import type { Source, SourceSink } from "../../src/source/source.ts";
import { Congestion } from "../../src/transport/session/congestion.ts";
import { launchChromium, launchFirefox } from "../helpers/browser.ts";
import type { Rgb } from "../helpers/pictures.ts";
import { describeWith } from "../setup/suites.ts";
import { openPlayer, readScreen, waitForState, waitForStats } from "./helpers/player.ts";
import { keepPeerConnections } from "./helpers/undisturbed.ts";

const COLOURS: readonly Rgb[] = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [0, 255, 255],
  [255, 0, 255],
  [255, 255, 0],
  [0, 0, 0],
  [128, 128, 128],
  [255, 255, 255],
];

/** A chart of three by three colours, twenty times a second. */
function chartSource(width: number, height: number): Source {
  const data = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = COLOURS[Math.floor((3 * y) / height) * 3 + Math.floor((3 * x) / width)] ?? [];
      data.set(colour, (y * width + x) * 3);
    }
  }
  let stop = () => {};
  let number = 0;
  return {
    label: "a chart",
    async start(sink: SourceSink) {
      sink.state({ kind: "live", since: systemClock.now(), run: 1 });
      stop = systemClock.every(50, () => {
        const now = systemClock.now();
        const timings = { captured: now, received: now };
        const about = { kind: "raw", format: "rgb", width, height, timings } as const;
        // A consumer may release the memory of its frame.
        sink.frame({ ...about, number: ++number, data: Buffer.from(data) });
      });
    },
    demand() {},
    counters: () => ({}),
    async close() {
      stop();
    },
  };
}

describeWith(["chromium", "firefox"], "the codecs", ({ chromium, firefox }) => {
  let browser: Browser | undefined;
  let here: Rendercast | undefined;
  afterEach(async () => {
    await browser?.close();
    await here?.close();
  });

  async function serve(
    codecs: string,
    width: number,
    height: number,
    findHardware?: Internals["findHardware"],
  ): Promise<string> {
    const command = readConfig(["--port", "0", "--codecs", codecs], {});
    if (!("run" in command)) throw new Error("no configuration");
    here = await startRendercast(command.run, () => {}, {
      source: chartSource(width, height),
      ...(findHardware && { findHardware }),
    });
    return `http://localhost:${here.port}`;
  }

  test.each([
    ["h264,vp8", "H264", 480, 270, "Chromium", 4],
    ["vp8,h264", "VP8", 480, 270, "Chromium", 4],
    // Of BT.709 the library that converts it without a GPU has a blue that is 12 short at its fullest.
    ["h264,vp8", "H264", 1280, 720, "Chromium", 13],
    ["vp8,h264", "VP8", 1280, 720, "Chromium", 4],
    ["vp8", "VP8", 480, 270, "Firefox", 4],
  ] as const)("with --codecs %s it is %s at %dx%d in %s, in the colours that were drawn", async (...row) => {
    const [codecs, name, width, height, where, tolerance] = row;
    const url = await serve(codecs, width, height);
    browser = await (where === "Firefox" ? launchFirefox(firefox) : launchChromium(chromium));
    const page = await openPlayer(browser, url);
    await waitForState(page, "live");
    expect(await waitForStats(page, ({ codec }) => codec === name)).toMatchObject({ transport: "webrtc" });
    await expectColours(page, tolerance);
  });

  test("a device that decodes only H.264 in hardware, like a phone, gets H.264", async () => {
    const url = await serve("vp8,h264", 480, 270);
    browser = await launchChromium(chromium);
    const page = await openPlayer(browser, url, () => {
      MediaCapabilities.prototype.decodingInfo = async ({ video }) => ({
        ...{ supported: true, smooth: true, keySystemAccess: null },
        powerEfficient: video?.contentType === "video/H264",
      });
    });
    await waitForStats(page, ({ codec }) => codec === "H264");
    const other = await openPlayer(browser, url);
    await waitForStats(other, ({ codec }) => codec === "VP8");
  });

  test("a viewer without the preferred codec gets the next one, beside a viewer that has it", async () => {
    const url = await serve("h264,vp8", 480, 270);
    browser = await launchChromium(chromium);
    const page = await openPlayer(browser, url);
    const other = await openPlayer(
      browser,
      url,
      offering(({ mimeType }) => mimeType !== "video/H264"),
    );
    await waitForStats(page, ({ codec }) => codec === "H264");
    await waitForStats(other, ({ codec }) => codec === "VP8");
    expect(here?.broadcast.viewers).toBe(2);
  });

  test.each([
    ["vp8", "VP8"],
    ["h264", "H264"],
  ])("a viewer of %s that changes its rendition again and again shows every frame", async (codecs, name) => {
    const levels = [0, 1, 2, 0, 4];
    let reports = 0;
    // What its network carries, as the session is told: another level with each second report.
    vi.spyOn(Congestion.prototype, "reported").mockImplementation(() => {
      reports++;
    });
    vi.spyOn(Congestion.prototype, "level", "get").mockImplementation(
      () => levels[Math.floor(reports / 2) % levels.length] ?? 0,
    );
    const url = await serve(codecs, 640, 360);
    browser = await launchChromium(chromium);
    const page = await openPlayer(browser, url, keepPeerConnections);
    await waitForStats(page, ({ codec }) => codec === name);
    const inbound = () =>
      page.evaluate(async () => {
        const [connection] = (window as unknown as { kept: RTCPeerConnection[] }).kept;
        for (const report of (await connection?.getStats())?.values() ?? []) {
          if (report.type === "inbound-rtp") {
            const { keyFramesDecoded, framesReceived, framesDecoded, pliCount } = report;
            return { keyFramesDecoded, missing: framesReceived - framesDecoded, pliCount };
          }
        }
        return { keyFramesDecoded: 0, missing: 0, pliCount: 0 };
      });
    await vi.waitFor(async () => expect((await inbound()).keyFramesDecoded).toBeGreaterThan(4), {
      timeout: 30_000,
      interval: 500,
    });
    const { missing, pliCount } = await inbound();
    expect(pliCount).toBe(0);
    // One may be in the decoder.
    expect(missing).toBeLessThan(2);
    vi.restoreAllMocks();
  });

  test("a viewer that takes H.264 only in single NAL units gets it that way", async () => {
    const url = await serve("h264", 1280, 720);
    browser = await launchChromium(chromium);
    const page = await openPlayer(
      browser,
      url,
      offering(
        ({ mimeType, sdpFmtpLine = "" }) =>
          mimeType !== "video/H264" || !sdpFmtpLine.includes("packetization-mode=1"),
      ),
    );
    await waitForState(page, "live");
    await waitForStats(page, ({ codec, fps }) => codec === "H264" && (fps ?? 0) > 5);
    expect(here?.broadcast.records.counts()).toMatchObject([{ rendition: "h264-single/0" }]);
  });

  test("AV1 falls back to software when its hardware encoder fails, and keeps the colours", async () => {
    // It is not there, or else does.
    const url = await serve("av1,vp8", 640, 360, async () => ["NVENC"]);
    browser = await launchChromium(chromium);
    const page = await openPlayer(browser, url);
    await waitForState(page, "live");
    await waitForStats(page, ({ codec, fps }) => codec === "AV1" && (fps ?? 0) > 5);
    await expectColours(page, 4);
  });

  test("a viewer without any of the codecs is told so and gets MJPEG", async () => {
    const url = await serve("h264", 480, 270);
    browser = await launchChromium(chromium);
    const page = await openPlayer(
      browser,
      url,
      offering(({ mimeType }) => mimeType !== "video/H264"),
    );
    const { sentence } = await waitForState(page, "fallback");
    expect(sentence).toContain("This browser does not offer H264 video");
  });
});

/** To run in a page before its own scripts: its offers have the codecs alone for which `isOffered`, which sees no more, is true. */
function offering(isOffered: (codec: { mimeType: string; sdpFmtpLine?: string }) => boolean): () => void {
  return new Function(`(${restrict})(${isOffered})`) as () => void;
}

function restrict(isOffered: (codec: RTCRtpCodec) => boolean): void {
  const Real = RTCPeerConnection;
  Object.assign(window, {
    RTCPeerConnection: class extends Real {
      override addTransceiver(...given: Parameters<RTCPeerConnection["addTransceiver"]>): RTCRtpTransceiver {
        const transceiver = super.addTransceiver(...given);
        const { codecs = [] } = RTCRtpReceiver.getCapabilities("video") ?? {};
        transceiver.setCodecPreferences(codecs.filter(isOffered));
        return transceiver;
      }
    },
  });
}

/** Waits until the chart's colours are on the screen, none further off than `tolerance`, of 255. */
async function expectColours(page: Page, tolerance: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const screen = await readScreen(page);
      const off = COLOURS.map((colour, cell) => {
        const [x, y] = [(cell % 3) + 0.5, Math.floor(cell / 3) + 0.5].map((at) => at / 3) as [number, number];
        const at = 4 * (Math.floor(y * screen.height) * screen.width + Math.floor(x * screen.width));
        return Math.max(
          ...colour.map((level, channel) => Math.abs((screen.pixels[at + channel] ?? 0) - level)),
        );
      });
      expect(Math.max(...off)).toBeLessThanOrEqual(tolerance);
    },
    { timeout: 10_000, interval: 500 },
  );
}
