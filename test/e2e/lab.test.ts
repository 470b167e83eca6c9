import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { watchScreen } from "../../bench/optical.ts";
import { median } from "../../bench/statistics.ts";
import { tappedPattern } from "../../bench/tapped.ts";
import { readConfig } from "../../src/config/config.ts";
import { type Rendercast, startRendercast } from "../../src/rendercast.ts";
import type { MediaIo } from "../../src/transport/io/io.ts";
import { plainIo } from "../../src/transport/io/plain.ts";
import type { RecordedLane, Recording } from "../../web/lab/recording.ts";
import type { LabStageKey, LaneKey } from "../../web/lab/sample.ts";
import { describeInBrowsers } from "../setup/browsers.ts";
import { type DelayingProxy, delayingProxy } from "./helpers/delaying-proxy.ts";

const SIZE = { width: 480, height: 270, fps: 20 };
const DELAY = 100;

/** Sends media packets only after a time, in their order. */
function delaying(io: MediaIo, delay: () => number): MediaIo {
  return {
    ...io,
    async bind(options) {
      const socket = await io.bind(options);
      const { wayTo } = socket;
      socket.wayTo = (address) => {
        const { send, sendMedia } = wayTo.call(socket, address);
        return {
          send,
          sendMedia(sealer, header, payload, index) {
            // Both may change afterwards.
            const [ownHeader, ownPayload] = [Buffer.from(header), Buffer.from(payload)];
            if (delay() === 0) sendMedia(sealer, header, payload, index);
            else setTimeout(() => sendMedia(sealer, ownHeader, ownPayload, index), delay());
          },
        };
      };
      return socket;
    },
  };
}

function configOf(...options: string[]): Parameters<typeof startRendercast>[0] {
  const command = readConfig(["--port", "0", "--rtc-port", "0", ...options], {});
  if (!("run" in command)) throw new Error("no configuration");
  return command.run;
}

describeInBrowsers("the latency lab", ({ launch }) => {
  const captured = new Map<number, number>();
  const delays: Record<LaneKey, number> = { webrtc: 0, img: 0, fetch: 0 };
  const downloads = mkdtempSync(join(tmpdir(), "rendercast-lab-"));
  const troubles: string[] = [];
  let browser: Browser;
  let server: Rendercast;
  let proxy: DelayingProxy;
  let page: Page;

  beforeAll(async () => {
    const io = delaying(plainIo, () => delays.webrtc);
    server = await startRendercast(configOf(), () => {}, { io, source: tappedPattern(SIZE, captured) });
    proxy = await delayingProxy(server.port, (path) => {
      if (!path.includes("/mjpeg")) return 0;
      return path.includes("timed") ? delays.fetch : delays.img;
    });
    browser = await launch({ downloads });
    page = await browser.newPage({ type: "window" });
    page.on("pageerror", (error) => troubles.push(String(error)));
    page.on("console", (message) => message.type() === "error" && troubles.push(message.text()));
    await page.goto(`${proxy.url}/lab/main`);
  });
  afterAll(async () => {
    await browser?.close();
    proxy?.close();
    await server?.close();
    rmSync(downloads, { recursive: true });
  });

  const medianShown = (lane: LaneKey) =>
    page.$eval(`[data-lane="${lane}"] .median`, (shown) => Number.parseFloat(shown.textContent ?? ""));

  /** Records as a user does, and reads the file that comes of it. */
  async function record(meanwhile: Promise<unknown> = Promise.resolve()): Promise<Recording> {
    for (const file of readdirSync(downloads)) rmSync(join(downloads, file));
    await page.select("#seconds", "5");
    await page.click("#record");
    await page.waitForSelector("#record[data-recording]");
    await meanwhile;
    await page.waitForSelector("#record:not([data-recording])");
    await page.click("#json");
    return vi.waitFor(() => {
      const [file = ""] = readdirSync(downloads).filter((name) => name.endsWith(".json"));
      return JSON.parse(readFileSync(join(downloads, file), "utf8"));
    });
  }

  const of = ({ lanes }: Recording, key: LaneKey): RecordedLane => {
    const found = lanes.find(({ lane }) => lane === key);
    if (!found) throw new Error(`${key} was not recorded`);
    return found;
  };
  const stageOf = ({ figures }: RecordedLane, ...keys: LabStageKey[]) =>
    figures.stages.filter(({ key }) => keys.includes(key)).reduce((sum, { time }) => sum + time, 0);

  let quiet: Recording;

  test("does not guess what the browser does not report, and offers to read it from the picture", async () => {
    for (const lane of ["webrtc", "fetch"] as const)
      await vi.waitFor(async () => expect(await medianShown(lane)).toBeGreaterThan(0), { timeout: 20_000 });
    const image = '[data-lane="img"]';
    await page.waitForFunction(
      (selector) => (document.querySelector(`${selector} img`) as HTMLImageElement | null)?.naturalWidth,
      {},
      image,
    );
    expect(await medianShown("img")).toBeNaN();
    expect(await page.$eval(`${image} .note`, (note) => note.textContent)).toMatch(/^Not timed: /);
    await page.click(`${image} .offer`);
    await vi.waitFor(async () => expect(await medianShown("img")).toBeGreaterThan(0), { timeout: 20_000 });
  });

  test("measures what is seen on the screen, frame by frame", async () => {
    const find = (lane: LaneKey) =>
      `() => document.querySelector('[data-lane="${lane}"] .picture > :not([hidden])')`;
    const lanes = ["webrtc", "img", "fetch"] as const;
    const sightings = Promise.all(lanes.map((lane) => watchScreen(page, find(lane), 4500)));
    quiet = await record(sightings);
    for (const [index, seen] of (await sightings).entries()) {
      const lane = lanes[index] ?? "webrtc";
      const truth = new Map(
        seen.slice(1).map(({ number, at }) => [number, at - (captured.get(number) ?? 0)]),
      );
      const both = of(quiet, lane).samples.filter(({ number }) => truth.has(number));
      expect(both.length, lane).toBeGreaterThan(20);
      const measured = median(both.map(({ latency }) => latency));
      const optical = median(both.map(({ number }) => truth.get(number) ?? Number.NaN));
      // On an idle machine they are within 5 ms; a busy one looks later than it shows.
      expect(Math.abs(measured - optical), lane).toBeLessThan(15);
    }
  });

  test.each([
    ["fetch", ["network"]],
    ["img", ["rest"]],
    ["webrtc", ["network", "buffer"]],
  ] as const)("shows a delay on the way of %s there, and nowhere else", async (slow, stages) => {
    delays[slow] = DELAY;
    // The first frames that come so late are behind those that came in time.
    await page.click("#clear");
    await vi.waitFor(async () => expect(await medianShown(slow)).toBeGreaterThan(DELAY), { timeout: 20_000 });
    const delayed = await record();
    delays[slow] = 0;
    const grown = (lane: LaneKey) =>
      (of(delayed, lane).figures.median ?? 0) - (of(quiet, lane).figures.median ?? 0);
    for (const lane of ["webrtc", "img", "fetch"] as const) {
      if (lane === slow) expect(Math.abs(grown(lane) - DELAY), lane).toBeLessThan(DELAY / 2);
      else expect(Math.abs(grown(lane)), lane).toBeLessThan(DELAY / 2);
    }
    const stage = stageOf(of(delayed, slow), ...stages) - stageOf(of(quiet, slow), ...stages);
    expect(Math.abs(stage - DELAY)).toBeLessThan(DELAY / 2);
  });

  test("exports the last recording as CSV and as a picture, and its summary to copy", async () => {
    const download = async (kind: "csv" | "png"): Promise<Buffer> => {
      await page.click(`#${kind}`);
      return vi.waitFor(() => {
        const [file = ""] = readdirSync(downloads).filter((name) => name.endsWith(`.${kind}`));
        expect(file).toMatch(/^latency-main-/);
        const content = readFileSync(join(downloads, file));
        expect(content.length).toBeGreaterThan(1000);
        return content;
      });
    };
    const [names = "", ...rows] = (await download("csv")).toString("utf8").trim().split("\n");
    expect(names).toMatch(/^lane,/);
    const lanes = rows.map((row) => row.slice(0, row.indexOf(",")));
    expect(new Set(lanes)).toEqual(new Set(["webrtc", "img", "fetch"]));
    expect((await download("png")).subarray(1, 4).toString("latin1")).toBe("PNG");
    expect(await page.$eval("textarea#summary", ({ value }) => value)).toMatch(/WebRTC.* ms/s);
    await page.click("#copy");
    await page.waitForFunction(() => document.querySelector("#record-status")?.textContent === "Copied");
  });

  test("costs the server nothing for a lane that is off, and causes no errors", async () => {
    const viewers = async () => (await (await fetch(`${proxy.url}/streams/main`)).json()).viewers;
    await vi.waitFor(async () => expect(await viewers()).toBe(3));
    for (const [index, lane] of ["img", "fetch", "webrtc"].entries()) {
      await page.click(`[data-lane="${lane}"] [role="switch"]`);
      await vi.waitFor(async () => expect(await viewers()).toBe(2 - index), { timeout: 10_000 });
    }
    expect(troubles).toEqual([]);
  });

  test("asks once for a token and requests no pictures, and shows all lanes with one", async () => {
    const secret = "a-fixed-view-secret";
    const guarded = await startRendercast(configOf("--view-token", secret), () => {}, {
      source: tappedPattern(SIZE, new Map()),
    });
    const origin = `http://127.0.0.1:${guarded.port}`;
    const found: string[] = [];
    const asked: string[] = [];
    const tab = await browser.newPage({ type: "window" });
    try {
      tab.on("pageerror", (error) => found.push(String(error)));
      tab.on("console", (message) => message.type() === "error" && found.push(message.text()));
      tab.on("request", (request) => asked.push(request.url()));
      const open = async (token: string) => {
        await tab.goto("about:blank");
        await tab.goto(`${origin}/lab${token}`);
      };
      const text = () => tab.$eval("main", ({ textContent }) => textContent ?? "");

      await open("");
      await tab.waitForFunction(() => document.querySelector("#notice")?.textContent?.includes("private"));
      expect(await tab.$eval("#label", ({ textContent }) => textContent)).toBe("Refused");
      expect((await text()).match(/This stream is private/g)).toHaveLength(1);
      expect(await text()).not.toMatch(/lost|Waiting|Not timed/);
      expect(asked.filter((url) => url.includes("/streams/"))).toEqual([]);

      // Its <img> cannot bring a fixed secret, and says so instead of being refused.
      await open(`#token=${secret}`);
      await tab.waitForSelector('[data-lane="fetch"] canvas:not([hidden])');
      await tab.waitForFunction(() =>
        document.querySelector('[data-lane="img"] .note')?.textContent?.includes("share link"),
      );

      const { token } = await (
        await fetch(`${origin}/streams/main/share`, {
          method: "POST",
          headers: { Authorization: `Bearer ${secret}` },
        })
      ).json();
      await open(`#token=${token}`);
      await tab.waitForFunction(() => {
        const shown = (lane: string) =>
          document.querySelector(`[data-lane="${lane}"] .picture > :not([hidden])`);
        const [video, image, canvas] = [shown("webrtc"), shown("img"), shown("fetch")];
        return (
          video instanceof HTMLVideoElement &&
          video.videoWidth > 0 &&
          image instanceof HTMLImageElement &&
          image.naturalWidth > 0 &&
          canvas instanceof HTMLCanvasElement
        );
      });
      expect(found).toEqual([]);
    } finally {
      await tab.close();
      await guarded.close();
    }
  });
});
