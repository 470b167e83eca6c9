/** Measures one lane over one network. */
import type { Browser } from "puppeteer-core";
import { ssim } from "../encode/ssim.ts";
import { watchScreen } from "../optical.ts";
import { median } from "../statistics.ts";
import { startDownload } from "./download.ts";
import { type Figures, figures, liveAgainAfter, type Seen, type Span } from "./figures.ts";
import { connectionCounts, type Lane, transportOf } from "./lanes.ts";
import type { Counts } from "./link.ts";
import type { Network } from "./namespaces.ts";
import type { Profile } from "./profiles.ts";
import { beginCopies, type Copy, endCopies } from "./screen.ts";
import type { ServerProcess } from "./server-process.ts";

/** The server's counters of frames and packets. */
const COUNTERS = /_total|_datagrams|_pictures/;
/** Milliseconds after a lane, until its last packets have passed. */
const QUIET_MS = 500;
const WARM_UP_MS = 3000;
/** Milliseconds to wait for the first frame; then the measurement starts anyway. */
const FIRST_FRAME_TIMEOUT = 20_000;

/** The measurement of a lane. */
export interface Result extends Figures {
  readonly lane: string;
  /** Frames that the source drew meanwhile. */
  readonly drawn: number;
  /** Milliseconds of the source's longest gap, which is not the lane's fault. */
  readonly sourceGap: number;
  /** Kilobits per second to the viewer, headers included. */
  readonly kilobits: number;
  /** To the viewer and back. */
  readonly counts: readonly [Counts, Counts];
  /** Median SSIM of the compared pictures; NaN if there are none. */
  readonly ssim: number;
  readonly compared: number;
  /** If the profile's rate drops: milliseconds until the picture was live again. */
  readonly liveAgain: number | undefined;
  /** The player's transport at the end: it may have fallen back. */
  readonly transport: string | undefined;
  /** Counters of the browser's connections and of the server. */
  readonly connections: readonly Record<string, number>[];
  readonly metrics: Record<string, number>;
}

/** The parts of the bench that all lanes share. */
export interface Scene {
  readonly network: Network;
  readonly server: ServerProcess;
  readonly browser: Browser;
  readonly seed: number;
  /** Of the source. */
  readonly size: { readonly width: number; readonly height: number };
}

/** Runs a lane for `length` milliseconds. */
export async function runLane(scene: Scene, profile: Profile, lane: Lane, length: number): Promise<Result> {
  const { network, server, browser, seed, size } = scene;
  await server.lane(lane.baseline);
  network.configure(profile.paths, seed);
  // A window of its own: a background tab is hidden, and its player pauses.
  const page = await browser.newPage({ type: "window" });
  try {
    await lane.open(page, server.ready);
    const shows = `() => { const shown = (${lane.element})(); return shown?.videoWidth || shown?.naturalWidth; }`;
    await page.waitForFunction(`(${shows})()`, { timeout: FIRST_FRAME_TIMEOUT }).catch(() => {});
    await pause(WARM_UP_MS);
    await beginCopies(page, lane.element, size);
    const before = await network.counts();
    const metricsBefore = await server.metrics();
    network.begin();
    const stopDownload = profile.download && startDownload(profile.download);
    const from = epochNow();
    const sightings = await watchScreen(page, lane.element, length);
    const span = { from, to: epochNow() };
    stopDownload?.();
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
      ...(await similarity(server, await endCopies(page))),
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
  const gaps = times.slice(1).map((at, n) => at - (times[n] ?? at));
  return { drawn: times.length, sourceGap: Math.max(0, ...gaps) };
}

/** Compares the pictures on the screen with their source. */
async function similarity(server: ServerProcess, copies: readonly Copy[]) {
  const similarities: number[] = [];
  for (const { number, width, height, luma } of copies) {
    const source = await server.luma(number);
    if (source?.length !== width * height) continue;
    similarities.push(
      ssim({ data: source, stride: width }, { data: await luma(), stride: width }, width, height),
    );
  }
  return { ssim: median(similarities), compared: similarities.length };
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

/** Returns the counters that changed, and by how much. */
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
