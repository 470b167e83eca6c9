/**
 * `npm run bench:network`: latency, freezes and SSIM of the built-in scene at 20 fps over impaired networks, in headless
 * Chromium, read optically. Server and browser run in network namespaces of their own. All traffic between them passes
 * an emulated link, so every lane meets the same losses. Linux, root. Prints a table per network; writes JSON and the
 * docs' tables.
 */
import { loadavg } from "node:os";
import { z } from "zod";
import { size, whole } from "../src/config/checks.ts";
import { launchChromiumIn } from "../test/helpers/browser.ts";
import { findParts } from "../test/setup/plan.ts";
import { system } from "../test/setup/system.ts";
import { bytesAtEqualSsim } from "./network/equal.ts";
import { LANES } from "./network/lanes.ts";
import { markdown } from "./network/markdown.ts";
import { Network, obstacle, VIEWER } from "./network/namespaces.ts";
import { profiles } from "./network/profiles.ts";
import { type Result, runLane } from "./network/run.ts";
import { ServerProcess } from "./network/server-process.ts";
import { type Outcome, targets } from "./network/targets.ts";
import { readOptions, someOf } from "./options.ts";
import { machineLine, writeResult } from "./results.ts";
import { median, quantile, round } from "./statistics.ts";

const PINGS = 300;

const networks = profiles(0);
const options = readOptions({
  command: "npm run bench:network",
  about: "the built-in scene over impaired networks (Linux, root)",
  options: {
    profile: {
      value: "NAME,...",
      help: "networks",
      default: namesOf(networks).join(),
      check: someOf(namesOf(networks)),
    },
    lane: {
      value: "NAME,...",
      help: "transports",
      default: namesOf(LANES).join(),
      check: someOf(namesOf(LANES)),
    },
    seconds: { value: "N", help: "duration of each measurement", default: "20", check: whole(1, 3600) },
    size: { value: "WxH", help: "frame size", default: "960x540", check: size },
    bitrate: {
      value: "KBITS",
      help: "of the full rendition, in kbit/s; 0: default",
      default: "0",
      check: whole(0, 100_000),
    },
    seed: { value: "N", help: "seed of losses and jitter", default: "1", check: whole(0, 2 ** 31) },
    // The default of most systems, for comparable results.
    tcp: {
      value: "NAME",
      help: "TCP congestion control, such as bbr",
      default: "cubic",
      check: z.string().regex(/^[a-z0-9_-]+$/, "a name such as cubic"),
    },
  },
  choices: { Profiles: networks, Lanes: LANES },
});
const { seconds, seed, bitrate } = options;
const { width, height } = options.size;
const sizeText = `${width}x${height}`;
const chosenProfiles = profiles(seconds * 1000).filter(({ name }) => options.profile.includes(name));
const chosenLanes = LANES.filter(({ name }) => options.lane.includes(name));
const chromium = findParts(system).chromium;
const problem =
  obstacle() ??
  (chromium ? undefined : "This bench needs Chromium. Run node test/setup/parts.ts to install it.");
if (problem !== undefined || !chromium) fail(problem ?? "");
// Exit handlers undo all changes to the system.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));

const loadBefore = loadavg()[0] ?? 0;
const network = await Network.open(options.tcp);
const pings = await network.ping(PINGS);
const server = await ServerProcess.start(["--size", sizeText, "--bitrate", String(bitrate)]);
const browser = await launchChromiumIn(VIEWER.namespace, chromium);
const bare = { median: median(pings), p95: quantile(pings, 0.95) };
console.log(
  `Round trip of the link alone: median ${bare.median} ms, p95 ${bare.p95} ms. Load ${loadBefore.toFixed(2)}.\n`,
);

const results: Outcome[] = [];
for (const profile of chosenProfiles) {
  const lanes: Result[] = [];
  for (const lane of chosenLanes) {
    process.stderr.write(`${profile.name}: ${lane.name}\n`);
    lanes.push(
      await runLane(
        { network, server, browser, seed, size: { width, height } },
        profile,
        lane,
        seconds * 1000,
      ),
    );
  }
  results.push({ profile: profile.name, about: profile.about, lanes });
  console.log(`${profile.about} (${sizeText}, ${seconds} s)`);
  const rows = lanes.map((result) => [result.lane, row(result, profile.drop !== undefined)]);
  console.table(Object.fromEntries(rows));
}

await browser.close();
await server.close();
await network.close();

const equal = await bytesAtEqualSsim({ width, height, fps: 20, noise: 0, pan: 0 });
console.log("Kilobytes per frame at equal SSIM: VP8 at shares of the default bitrate, and JPEG");
console.table(
  equal.map(({ share, ssim, vp8, jpeg }) => ({
    share,
    SSIM: round(ssim, 4),
    VP8: round(vp8 / 1000, 1),
    JPEG: round(jpeg / 1000, 1),
    "JPEG / VP8": round(jpeg / vp8, 1),
  })),
);
for (const { what, reached } of targets(results, equal))
  console.log(`${reached ? "reached" : "missed "}  ${what}`);
console.log(machineLine());
const load = { before: loadBefore, after: loadavg()[0] };
const about = { size: sizeText, seconds, seed, tcp: options.tcp, bitrate };
writeResult("network.json", { ...about, bare, load, results, equal });
writeResult("network.md", markdown(results, equal));

function row(result: Result, drops: boolean) {
  const { frames, liveAgain } = result;
  const live = liveAgain === undefined ? "never" : round(liveAgain / 1000, 1);
  return {
    "median ms": Math.round(result.median),
    "p95 ms": Math.round(result.p95),
    "freezes > 200 ms": result.freezes,
    "longest ms": Math.round(result.longest),
    "frozen s": round(result.frozen / 1000, 1),
    shown: frames,
    drawn: result.drawn,
    "source's longest gap ms": Math.round(result.sourceGap),
    "kbit/s": Math.round(result.kilobits),
    SSIM: round(result.ssim, 4),
    "transport at end": result.transport,
    ...(drops && { "live again after s": live }),
  };
}

function namesOf(all: readonly { readonly name: string }[]): string[] {
  return all.map(({ name }) => name);
}

function fail(sentence: string): never {
  console.error(sentence);
  process.exit(2);
}
