/**
 * `npm run bench:latency`: latency from complete pixels to the screen, for the built-in scene at 480x270 and 20 fps in
 * headless Chromium, read optically. The lanes take turns within one run. Prints a table, writes JSON.
 */
import type { Browser, Page } from "puppeteer-core";
import { whole } from "../src/config/checks.ts";
import { readConfig } from "../src/config/config.ts";
import { startRendercast } from "../src/rendercast.ts";
import { launchChromium } from "../test/helpers/browser.ts";
import { findParts } from "../test/setup/plan.ts";
import { system } from "../test/setup/system.ts";
import { IMAGE } from "./network/screen.ts";
import { type Sighting, watchScreen } from "./optical.ts";
import { readOptions } from "./options.ts";
import { machineLine, writeResult } from "./results.ts";
import { startPolledMjpeg } from "./rivals/polled-mjpeg.ts";
import { median, quantile, round } from "./statistics.ts";
import { tappedPattern } from "./tapped.ts";

const SIZE = { width: 480, height: 270, fps: 20 };
/**
 * At 20 fps on a 60 Hz display, all frames of a round wait about equally long for the screen. Many short rounds
 * average over that wait; six rounds give a little more than 300 frames per lane.
 */
const { rounds: ROUNDS } = readOptions({
  command: "npm run bench:latency",
  about: "latency from complete pixels to the screen, in Chromium on this machine",
  options: {
    rounds: { value: "N", help: "rounds of 2.9 seconds per lane", default: "6", check: whole(1, 1000) },
  },
});
const ROUND_MS = 2900;
const WARM_UP_MS = 2500;

interface Lane {
  readonly name: string;
  /** Opens the stream in a new page. */
  readonly open: (page: Page) => Promise<void>;
  /** Source text of a function that returns the showing element, run in the page. */
  readonly element: string;
  /** When the pixels of each frame were complete, by frame number. */
  readonly captured: ReadonlyMap<number, number>;
}

interface Result {
  readonly latencies: number[];
  missed: number;
}

const silent = () => {};

async function startServer(playoutDelay: boolean) {
  const command = readConfig(["--port", "0", "--host", "127.0.0.1"], {});
  if (!("run" in command)) throw new Error("unreachable");
  const captured = new Map<number, number>();
  const source = tappedPattern(SIZE, captured);
  const { port, close } = await startRendercast(command.run, silent, { source, playoutDelay });
  return { url: `http://127.0.0.1:${port}`, captured, close };
}

const PLAYER_VIDEO = `() => document.querySelector("rendercast-player").shadowRoot.querySelector("video")`;

const showImage = (page: Page, address: string) =>
  page.evaluate((src) => {
    document.body.replaceChildren(Object.assign(new Image(), { src }));
  }, address);

async function runRound(browser: Browser, lane: Lane, result: Result): Promise<Floor | undefined> {
  // A window of its own: a background tab is hidden, and its player pauses.
  const page = await browser.newPage({ type: "window" });
  try {
    await lane.open(page);
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
    const sightings = await watchScreen(page, lane.element, ROUND_MS);
    // The first sighting may be late: the frame was on the screen before.
    addSightings(sightings.slice(1), lane.captured, result);
    return lane.element === PLAYER_VIDEO ? await readFloor(page) : undefined;
  } finally {
    await page.close();
  }
}

function addSightings(sightings: Sighting[], captured: ReadonlyMap<number, number>, result: Result): void {
  let last: number | undefined;
  for (const { number, at } of sightings) {
    const complete = captured.get(number);
    if (complete === undefined) continue;
    result.latencies.push(at - complete);
    if (last !== undefined) result.missed += Math.max(0, number - last - 1);
    last = number;
  }
}

/** The lower bound of any transport, in milliseconds: encoding, decoding and half a display interval. */
interface Floor {
  readonly encode: number;
  readonly decode: number;
  readonly halfInterval: number;
}

/** Reads the lower bound of this round from the player. */
async function readFloor(page: Page): Promise<Floor> {
  const stageTime = (key: string) =>
    page.evaluate(
      `document.querySelector("rendercast-player").stats.stages.find(({ key }) => key === "${key}").time`,
    );
  const interval = await page.evaluate(`(async () => {
    const times = [];
    for (let i = 0; i < 60; i++) times.push(await new Promise(requestAnimationFrame));
    return (times.at(-1) - times[0]) / (times.length - 1);
  })()`);
  return {
    encode: Number(await stageTime("encode")),
    decode: Number(await stageTime("browser")),
    halfInterval: Number(interval) / 2,
  };
}

const chromium = findParts(system).chromium;
if (!chromium) throw new Error("This bench needs Chromium. Run node test/setup/parts.ts to install it.");
const browser = await launchChromium(chromium);
const shipped = await startServer(true);
const buffered = await startServer(false);
const baseline = await startPolledMjpeg(SIZE, "127.0.0.1");

const openPlayer = (url: string) => async (page: Page) => {
  await page.goto(url);
};
const openImage = (url: string, path: string) => async (page: Page) => {
  await page.goto(url);
  await showImage(page, path);
};
const lanes: Lane[] = [
  {
    name: "(a) WebRTC as shipped",
    open: openPlayer(shipped.url),
    element: PLAYER_VIDEO,
    captured: shipped.captured,
  },
  {
    name: "(b) WebRTC without playout delay 0",
    open: openPlayer(buffered.url),
    element: PLAYER_VIDEO,
    captured: buffered.captured,
  },
  {
    name: "(c) our MJPEG in an <img>",
    open: openImage(`${shipped.url}/streams`, "/streams/main/mjpeg"),
    element: IMAGE,
    captured: shipped.captured,
  },
  {
    name: "(d) polled file, MJPEG",
    open: openImage(baseline.url, "/mjpeg"),
    element: IMAGE,
    captured: baseline.captured,
  },
];
const results = lanes.map((): Result => ({ latencies: [], missed: 0 }));
const floors: Floor[] = [];

for (let round = 1; round <= ROUNDS; round++) {
  for (const [index, lane] of lanes.entries()) {
    process.stderr.write(`round ${round} of ${ROUNDS}: ${lane.name}\n`);
    const result = results[index];
    if (!result) continue;
    // The baseline's loop renders without viewers too; between its turns it would disturb the other lanes.
    baseline.demand(lane.captured === baseline.captured);
    const floor = await runRound(browser, lane, result);
    if (floor && index === 0) floors.push(floor);
  }
}

await browser.close();
await Promise.all([shipped.close(), buffered.close(), baseline.close()]);

const floor = {
  encode: median(floors.map(({ encode }) => encode)),
  decode: median(floors.map(({ decode }) => decode)),
  halfInterval: median(floors.map(({ halfInterval }) => halfInterval)),
};
const floorMs = floor.encode + floor.decode + floor.halfInterval;
const first = median(results[0]?.latencies ?? []);
const rows = lanes.map(({ name }, index) => {
  const { latencies, missed } = results[index] ?? { latencies: [], missed: 0 };
  const middle = median(latencies);
  return {
    lane: name,
    frames: latencies.length,
    "median ms": round(middle, 1),
    "p95 ms": round(quantile(latencies, 0.95), 1),
    missed,
    "median / (a)": round(middle / first, 2),
    "median / floor": round(middle / floorMs, 2),
  };
});
console.table(Object.fromEntries(rows.map(({ lane, ...rest }) => [lane, rest])));
console.log(
  `Floor ${round(floorMs, 1)} ms: encode ${round(floor.encode, 1)}, decode ${round(floor.decode, 1)}, half a display interval ${round(floor.halfInterval, 1)}.`,
);
console.log(machineLine());
writeResult("latency.json", { rows, floor });
