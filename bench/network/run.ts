/** One lane over one network: shows it, watches it for a while, and says what was seen. */
import type { Browser } from "puppeteer-core";
import { ssim } from "../encode/ssim.ts";
import { watchScreen } from "../optical.ts";
import { median } from "../statistics.ts";
import { type Figures, figures, liveAgainAfter, type Seen, type Span } from "./figures.ts";
import { connectionCounts, type Lane, transportOf } from "./lanes.ts";
import type { Counts } from "./link.ts";
import type { Network } from "./namespaces.ts";
import type { Profile } from "./profiles.ts";
import { beginCopies, type Copy, endCopies } from "./screen.ts";
import type { ServerProcess } from "./server-process.ts";

/** The server's counters that say what became of frames and packets. */
const COUNTERS = /_total|_datagrams|_pictures/;
/** What the lane before still says has passed. */
const QUIET_MS = 500;
const WARM_UP_MS = 3000;
/** A lane that has shown nothing by then is watched nevertheless. */
const FIRST_PICTURE_WITHIN = 20_000;

export interface Result extends Figures {
  readonly lane: string;
  /** Frames that the source made meanwhile, and its longest pause: what no lane can be blamed for. */
  readonly drawn: number;
  readonly sourcePause: number;
  /** Kilobits a second to the viewer, with all headers. */
  readonly kilobits: number;
  /** To the viewer and back. */
  readonly counts: readonly [Counts, Counts];
  /** Of the pictures compared; NaN for none. */
  readonly ssim: number;
  readonly compared: number;
  /** Of a profile whose rate drops: milliseconds until the picture was live again, if it was. */
  readonly liveAgain: number | undefined;
  /** How the player says that it gets its pictures in the end: it may have fallen back. */
  readonly transport: string | undefined;
  /** What the browser's connections and the server counted. */
  readonly connections: readonly Record<string, number>[];
  readonly metrics: Record<string, number>;
}

export interface Scene {
  readonly network: Network;
  readonly server: ServerProcess;
  readonly browser: Browser;
  readonly seed: number;
  /** Of the source. */
  readonly size: { readonly width: number; readonly height: number };
}

export async function runLane(scene: Scene, profile: Profile, lane: Lane, length: number): Promise<Result> {
  const { network, server, browser, seed, size } = scene;
  await server.lane(lane.rival);
  network.be(profile.paths, seed);
  // A window of its own: a tab behind another is hidden, and its player rests.
  const page = await browser.newPage({ type: "window" });
  try {
    await lane.open(page, server.ready);
    const shows = `() => { const shown = (${lane.element})(); return shown?.videoWidth || shown?.naturalWidth; }`;
    await page.waitForFunction(`(${shows})()`, { timeout: FIRST_PICTURE_WITHIN }).catch(() => {});
    await pause(WARM_UP_MS);
    await beginCopies(page, lane.element, size);
    const before = await network.counts();
    const metricsBefore = await server.metrics();
    network.begin();
    const from = epochNow();
    const sightings = await watchScreen(page, lane.element, length);
    const span = { from, to: epochNow() };
    const counts = countsBetween(before, await network.counts());
    const captured = await server.captured();
    const seen = sightings.flatMap(({ number, at }): Seen[] => {
      const complete = captured.get(number);
      return complete === undefined ? [] : [{ at, captured: complete }];
    });
    return {
      lane: lane.name,
      ...figures(seen, span),
      ...ofSource([...captured.values()], span),
      kilobits: (counts[0].bytes * 8) / (span.to - span.from),
      counts,
      ...(await likeness(server, await endCopies(page))),
      liveAgain: profile.drop && liveAgainAfter(seen, dropOf(profile.drop, span)),
      transport: await transportOf(page),
      connections: await connectionCounts(page),
      metrics: differences(metricsBefore, await server.metrics()),
    };
  } finally {
    await page.close();
    await server.lane(false);
    await pause(QUIET_MS);
  }
}

function dropOf({ from, to }: Span, { from: began }: Span): Span {
  return { from: began + from, to: began + to };
}

function ofSource(captured: readonly number[], { from, to }: Span) {
  const times = captured.filter((at) => at >= from && at <= to);
  const pauses = times.slice(1).map((at, n) => at - (times[n] ?? at));
  return { drawn: times.length, sourcePause: Math.max(0, ...pauses) };
}

/** How like their source the pictures on the screen were, on average. */
async function likeness(server: ServerProcess, copies: readonly Copy[]) {
  const alike: number[] = [];
  for (const { number, width, height, luma } of copies) {
    const source = await server.luma(number);
    if (source?.length !== width * height) continue;
    alike.push(ssim({ data: source, stride: width }, { data: await luma(), stride: width }, width, height));
  }
  return { ssim: median(alike), compared: alike.length };
}

function countsBetween(
  before: readonly [Counts, Counts],
  after: readonly [Counts, Counts],
): [Counts, Counts] {
  const between = (n: 0 | 1): Counts => ({
    bytes: after[n].bytes - before[n].bytes,
    packets: after[n].packets - before[n].packets,
    dropped: after[n].dropped - before[n].dropped,
    lost: after[n].lost - before[n].lost,
  });
  return [between(0), between(1)];
}

/** What changed. */
function differences(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> {
  const changes = Object.keys(after)
    .filter((name) => COUNTERS.test(name))
    .map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0)] as const);
  return Object.fromEntries(changes.filter(([, change]) => change !== 0));
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const epochNow = () => performance.timeOrigin + performance.now();
