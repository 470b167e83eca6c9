import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { FRAME_CODE_CELLS, frameCodeCellSize, readFrameCode } from "../../src/shared/frame-code.ts";
import type { Telemetry } from "../../src/shared/protocol.ts";
import { type Canvas, colour } from "../../src/source/pattern/canvas.ts";
import { drawFrameCode } from "../../src/source/pattern/code.ts";
import type { FrameTelemetry } from "../../web/player/figures/frame.ts";
import { IDLE, part } from "../helpers/multipart-writer.ts";
import { describeInBrowsers } from "../setup/browsers.ts";
import { openPlayer, troublesOf, waitForState } from "./helpers/player.ts";
import { TestPublisher } from "./helpers/publisher.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

const WIDTH = 480;
const HEIGHT = 270;
const FPS = 25;
/** So many frames are compared with what is on the screen. */
const EXACT = 100;

/** Publishes frames that show their own number. */
class NumberedFrames {
  readonly #publisher: TestPublisher;
  #pace: NodeJS.Timeout | undefined;
  #last = 0;

  constructor(server: ServerProcess) {
    this.#publisher = new TestPublisher(`${server.url}/streams/main`);
  }

  push(number: number, telemetry: Telemetry | undefined): void {
    const picture: Canvas = { width: WIDTH, height: HEIGHT, pixels: new Int32Array(WIDTH * HEIGHT) };
    picture.pixels.fill(colour(60, 64, 72));
    drawFrameCode(picture, number);
    const headers = {
      "Content-Type": `application/x-raw-pixels; format=rgba; width=${WIDTH}; height=${HEIGHT}`,
      "X-Frame-Number": String(number),
      ...(telemetry && { "X-Telemetry": JSON.stringify(telemetry) }),
    };
    void this.#publisher.send(part(headers, Buffer.from(picture.pixels.buffer)));
    this.#last = number;
  }

  /** Pushes frames at a steady pace. */
  run(telemetryOf: (number: number) => Telemetry): void {
    this.#pace = setInterval(() => this.push(this.#last + 1, telemetryOf(this.#last + 1)), 1000 / FPS);
  }

  /** Shows nothing new, but stays. Returns the number of the last frame. */
  rest(): number {
    clearInterval(this.#pace);
    this.#pace = setInterval(() => void this.#publisher.send(IDLE), 1000);
    return this.#last;
  }

  end(): void {
    clearInterval(this.#pace);
    this.#publisher.destroy();
  }
}

/** A telemetry event, and what was on the screen in that very moment. */
interface Sample {
  readonly number: number;
  readonly n: unknown;
  /** What `player.telemetry` says then. */
  readonly held: unknown;
  /**
   * `exact`: the picture read is that of the frame whose callback told the event. `late`: the report came
   * after its frame was shown. `overtaken`: a newer frame was there before it could be read.
   */
  readonly kind: "exact" | "late" | "overtaken";
  /** The brightness of each cell of the picture's frame code. */
  readonly cells: number[];
}

/** Notes which frame's callback is running, so that the reader knows what it reads. */
function noteVideoFrames(): void {
  const real = HTMLVideoElement.prototype.requestVideoFrameCallback;
  HTMLVideoElement.prototype.requestVideoFrameCallback = function (callback) {
    return real.call(this, (now, metadata) => {
      Object.assign(window, { showing: metadata });
      callback(now, metadata);
      Object.assign(window, { showing: undefined });
    });
  };
}

function withoutWebRtc(): void {
  Object.defineProperty(window, "RTCPeerConnection", { value: undefined });
}

/** Reads the screen at each telemetry event until `count` of the readings are exact, or ten times as many are not. */
async function collect(page: Page, count: number): Promise<Sample[]> {
  return page.evaluate(
    (wanted, cellCount, cellSize) =>
      new Promise<Sample[]>((resolve) => {
        const player = document.querySelector("rendercast-player");
        const context = new OffscreenCanvas(480, 270).getContext("2d", { willReadFrequently: true });
        const samples: Sample[] = [];
        const done = new AbortController();
        const read = ({ number, data }: FrameTelemetry) => {
          if (!player || !context) return;
          const canvas = player.shadowRoot?.querySelector("canvas:not([hidden])");
          const video = player.shadowRoot?.querySelector("video");
          let kind: Sample["kind"] = "exact";
          if (canvas instanceof HTMLCanvasElement) {
            context.drawImage(canvas, 0, 0);
          } else if (video) {
            const { showing } = window as { showing?: VideoFrameCallbackMetadata };
            // The picture and the moment it is of, taken at once.
            const frame = new VideoFrame(video);
            context.drawImage(frame, 0, 0);
            if (!showing) kind = "late";
            // Both in microseconds, and rounded by each browser in its own way.
            else if (Math.abs(showing.mediaTime * 1e6 - frame.timestamp) > 100) kind = "overtaken";
            frame.close();
          }
          const row = context.getImageData(0, 270 - Math.ceil(cellSize / 2), 480, 1).data;
          const cells = Array.from(
            { length: cellCount },
            (_, cell) => row[4 * Math.floor((cell + 0.5) * cellSize) + 1] ?? 0,
          );
          samples.push({ number, n: data.n, held: player.telemetry?.data.n, kind, cells });
          const exact = samples.filter((sample) => sample.kind === "exact").length;
          if (exact < wanted && samples.length < 10 * wanted) return;
          done.abort();
          resolve(samples);
        };
        player?.addEventListener("telemetry", ({ detail }) => read(detail), { signal: done.signal });
      }),
    count,
    FRAME_CODE_CELLS,
    frameCodeCellSize(WIDTH),
  );
}

/** The panel as somebody reads it. */
function readPanel(page: Page) {
  return page.evaluate(() => {
    const texts = (selector: string) =>
      [...document.querySelectorAll(selector)].map((element) => element.textContent);
    const names = texts("#telemetry .plot .name");
    const values = texts("#telemetry .plot .value");
    const terms = texts("#telemetry dt");
    const details = texts("#telemetry dd");
    return {
      plots: names.map((name, index) => `${name} ${values[index]}`),
      rows: terms.map((term, index) => `${term} ${details[index]}`),
      labels: [...document.querySelectorAll("#telemetry [role=img]")].map((plot) => plot.ariaLabel),
      more: document.querySelector("#telemetry .empty:not([hidden])")?.textContent ?? "",
      markup: document.querySelectorAll("#telemetry b").length,
    };
  });
}

const waitForTelemetry = (page: Page, number: number) =>
  page.waitForFunction(
    (wanted) => document.querySelector("rendercast-player")?.telemetry?.number === wanted,
    { polling: 50 },
    number,
  );

describeInBrowsers("telemetry", ({ name, launch }) => {
  let browser: Browser;
  let server: ServerProcess;
  let frames: NumberedFrames;

  beforeAll(async () => {
    browser = await launch();
  });
  beforeEach(async () => {
    server = await startServer();
    frames = new NumberedFrames(server);
  });
  afterEach(async () => {
    frames.end();
    for (const page of await browser.pages()) if (page.url() !== "about:blank") await page.close();
    await server.stop();
  });
  afterAll(async () => {
    await browser?.close();
  });

  const expectInStep = (samples: readonly Sample[]) => {
    const read = samples.map((sample) => ({ ...sample, shows: readFrameCode(sample.cells) ?? Number.NaN }));
    // The data never came before its picture.
    expect(read.filter(({ n, shows }) => !(shows >= Number(n)))).toEqual([]);
    expect(read.filter(({ kind, n, shows }) => kind === "exact" && shows !== n)).toEqual([]);
    expect(samples.filter(({ kind }) => kind === "exact").length).toBeGreaterThanOrEqual(EXACT);
    expect(samples.filter(({ number, n, held }) => number !== n || held !== n)).toEqual([]);
    const numbers = samples.map(({ number }) => number);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  };

  test("over WebRTC each event comes while its frame is on the screen", async () => {
    frames.run((number) => ({ n: number }));
    const page = await openPlayer(browser, server.url, noteVideoFrames);
    await waitForState(page, "live");
    expectInStep(await collect(page, EXACT));
    expect(troublesOf(page)).toEqual([]);
  });

  test("over MJPEG each event comes with its frame too", async () => {
    frames.run((number) => ({ n: number }));
    const page = await openPlayer(browser, server.url, withoutWebRtc);
    await waitForState(page, "fallback");
    expectInStep(await collect(page, EXACT));
    expect(troublesOf(page)).toEqual([]);
  });

  test.each([
    ["WebRTC", "live", () => {}],
    ["MJPEG", "fallback", withoutWebRtc],
  ] as const)(
    "a viewer that joins a still picture late gets its data over %s, once",
    async (_name, state, prepare) => {
      frames.push(7, { n: 7 });
      frames.rest();
      const page = await openPlayer(browser, server.url, prepare);
      await waitForState(page, state);
      await waitForTelemetry(page, 7);
      const told = await page.evaluateHandle(() => {
        const numbers: number[] = [];
        document
          .querySelector("rendercast-player")
          ?.addEventListener("telemetry", ({ detail }) => numbers.push(detail.number));
        return numbers;
      });
      // The server sends the picture again and again, the data with it; that is no news. Nor is a frame without.
      await page.evaluate(async () => {
        const player = document.querySelector("rendercast-player");
        for (let second = 0; second < 2; second++) {
          await new Promise((resolve) => player?.addEventListener("streamchange", resolve, { once: true }));
        }
      });
      frames.push(8, undefined);
      frames.push(9, { n: 9 });
      await waitForTelemetry(page, 9);
      expect(await told.jsonValue()).toEqual([9]);
    },
  );

  test.runIf(name === "Chromium")(
    "the panel plots numbers, lists the rest, and shows markup in values as text",
    async () => {
      const extra = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`flag ${index}`, true]));
      frames.push(1, {
        arm: { shoulder: 31.5, elbow: -90.25 },
        tip: [1, 2.5],
        count: 1042,
        gripper: "closed",
        note: "<b>bold</b>",
        nothing: null,
        deep: { er: { still: 1 } },
        ...extra,
      });
      frames.rest();
      const page = await openPlayer(browser, server.url);
      await page.waitForSelector("#telemetry .plot .value");
      const panel = await readPanel(page);
      expect(panel.plots).toEqual([
        "arm.shoulder 31.50",
        "arm.elbow −90.25",
        "tip[0] 1",
        "tip[1] 2.500",
        "count 1042",
      ]);
      expect(panel.labels[1]).toBe("arm.elbow: −90.25");
      expect(panel.rows.slice(0, 5)).toEqual([
        "gripper closed",
        "note <b>bold</b>",
        "nothing –",
        "deep.er 1 value",
        "flag 0 true",
      ]);
      expect(panel.rows).toHaveLength(24);
      expect(panel.more).toBe("10 more values per frame not shown");
      expect(panel.markup).toBe(0);
      expect(troublesOf(page)).toEqual([]);
    },
  );

  test("the panel follows the frames, and draws the lines of the last seconds", async () => {
    frames.run((number) => ({ n: number, wave: Math.sin(number / 10), even: number % 2 === 0 }));
    const page = await openPlayer(browser, server.url);
    await waitForState(page, "live");
    await page.waitForSelector("#telemetry .plot .value");
    await page.waitForFunction(() => {
      const canvas = document.querySelector<HTMLCanvasElement>("#telemetry .plot canvas");
      const pixels = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data;
      // As long as a line, not only the dot of the newest value.
      return pixels && pixels.filter((alpha, index) => index % 4 === 3 && alpha > 0).length > 200;
    });
    const last = frames.rest();
    await waitForTelemetry(page, last);
    await page.waitForFunction(
      (wanted) => document.querySelector("#telemetry .plot .value")?.textContent === wanted,
      {},
      String(last),
    );
    expect((await readPanel(page)).rows).toEqual([`even ${last % 2 === 0}`]);
  });

  test.runIf(name === "Chromium")("a page without telemetry loads nothing for it", async () => {
    frames.push(1, undefined);
    frames.rest();
    const page = await openPlayer(browser, server.url);
    await waitForState(page, "live");
    const { hidden, loaded, declared } = await page.evaluate(() => ({
      hidden: document.getElementById("telemetry")?.hidden,
      loaded: performance
        .getEntriesByType("resource")
        .flatMap(({ name }) => (name.endsWith(".js") ? new URL(name).pathname : [])),
      declared: [...document.querySelectorAll("script[src], link[rel=modulepreload]")].map(
        (one) => one.getAttribute("src") ?? one.getAttribute("href"),
      ),
    }));
    expect(hidden).toBe(true);
    expect(new Set(loaded)).toEqual(new Set(declared));
  });
});
