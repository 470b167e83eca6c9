/**
 * `npm run bench:fanout`: what a viewer more costs. Sends a real encoded stream to
 * real peer connections (pion's, in a process of their own) by our two forms, by werift and by pion itself. Prints a
 * table, writes JSON and a chart into `bench/results`. Needs Debian's golang-go and golang-github-pion-webrtc.v3-dev.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { whole } from "../src/config.ts";
import { chart } from "./fanout/chart.ts";
import { writeClip } from "./fanout/clip.ts";
import { readOptions, shot, someOf, wholeNumbers } from "./options.ts";
import { writeResult } from "./results.ts";

const LANES = ["native", "workers", "plain", "werift", "pion"] as const;
type Lane = (typeof LANES)[number];
const NAMES: Record<Lane, string> = {
  native: "rendercast",
  workers: "rendercast, in worker threads",
  plain: "rendercast, plain Node",
  werift: "werift sendRtp",
  pion: "pion (Go)",
};

const {
  viewers: VIEWERS,
  seconds: SECONDS,
  shot: { width, height, fps },
  lanes,
} = readOptions({
  command: "npm run bench:fanout",
  about: "what a viewer more costs, with a real stream sent to real peer connections",
  options: {
    viewers: {
      value: "N,...",
      help: "how many at once, by turns",
      default: "1,10,50,100,200",
      check: wholeNumbers,
    },
    seconds: { value: "N", help: "how long with each number", default: "8", check: whole(1, 600) },
    shot: { value: "WxH@FPS", help: "the picture", default: "480x270@20", check: shot },
    lanes: { value: "NAME,...", help: "what sends", default: LANES.join(), check: someOf(LANES) },
  },
  choices: { Lanes: LANES.map((name) => ({ name, about: NAMES[name] })) },
});
/** Beyond it werift alone fills a core. */
const MOST_WERIFT = 100;

interface Result {
  readonly lane: Lane;
  readonly viewers: number;
  /** Microseconds of CPU of the sending process, per packet and viewer. */
  readonly cpuPerPacket: number;
  /** From the encoded frame to the last viewer's socket, ms. */
  readonly p99: number;
  /** Packets a second to all viewers together without pauses. */
  readonly saturated: number;
  /** Bytes of memory a viewer takes in the sending process. */
  readonly memory: number;
  /** Connections made a second, receivers' part included. */
  readonly joins: number;
  /** Share of the packets that did not come. */
  readonly lost: number;
}

/** A process that speaks lines of JSON. */
class Talker {
  readonly process: ChildProcess;
  readonly #waiting: ((line: Record<string, unknown>) => void)[] = [];
  readonly #lines: Record<string, unknown>[] = [];

  constructor(command: string, parameters: readonly string[]) {
    this.process = spawn(command, parameters, { stdio: ["pipe", "pipe", "inherit"] });
    if (this.process.stdout === null) throw new Error("no output");
    createInterface({ input: this.process.stdout }).on("line", (text) => {
      const line = JSON.parse(text);
      const waiting = this.#waiting.shift();
      if (waiting) waiting(line);
      else this.#lines.push(line);
    });
  }

  say(line: unknown): void {
    this.process.stdin?.write(`${JSON.stringify(line)}\n`);
  }

  async hear(): Promise<Record<string, unknown>> {
    const line = this.#lines.shift();
    return line ?? new Promise((resolve) => this.#waiting.push(resolve));
  }
}

const folder = mkdtempSync(join(tmpdir(), "rendercast-bench-"));
const pion = join(folder, "pion");
execFileSync("go", ["build", "-o", pion, "."], {
  cwd: fileURLToPath(new URL("rivals/pion", import.meta.url)),
  env: { ...process.env, GO111MODULE: "off", GOPATH: "/usr/share/gocode", GOCACHE: join(folder, "cache") },
  stdio: "inherit",
});
const size = `${width}x${height}`;
const path = join(folder, "clip.json");
const clip = await writeClip(path, { width, height, fps }, 5 * fps);
const bytes = clip.frames.reduce((sum, frame) => sum + (frame.length * 3) / 4, 0);
console.log(
  `${size} at ${fps} fps, ${Math.round((bytes * 8 * fps) / clip.frames.length / 1000)} kbit/s; ${cpus().length} cores\n`,
);

async function measure(lane: Lane, viewers: number): Promise<Result> {
  const sender =
    lane === "pion"
      ? new Talker(pion, ["send"])
      : new Talker(process.execPath, [fileURLToPath(new URL("fanout/sender.ts", import.meta.url)), lane]);
  const receivers = new Talker(pion, ["receive", String(viewers)]);
  const offers: Record<string, unknown>[] = [];
  while (offers.length < viewers) offers.push(await receivers.hear());
  const empty = rssOf(sender);
  const began = performance.now();
  for (const offer of offers) {
    sender.say(offer);
    receivers.say(await sender.hear());
  }
  const count = async () => {
    receivers.say({ count: true });
    return (await receivers.hear()) as { connected: number; received: number; lost: number };
  };
  while ((await count()).connected < viewers) await new Promise((resolve) => setTimeout(resolve, 20));
  const joined = (performance.now() - began) / 1000;
  const memory = (rssOf(sender) - empty) / viewers;
  // What the joins left to do is done.
  await new Promise((resolve) => setTimeout(resolve, 1000));

  const run = async (saturate: boolean, seconds: number) => {
    sender.say({ run: { clip: path, fps, seconds, saturate } });
    return (await sender.hear()) as { packets: number; cpu: number; elapsed: number; p99: number };
  };
  const paced = await run(false, SECONDS);
  const { received, lost } = await count();
  const saturated = await run(true, Math.min(SECONDS, 3));
  sender.process.kill();
  receivers.process.kill();
  return {
    lane,
    viewers,
    cpuPerPacket: (paced.cpu * 1e6) / (paced.packets * viewers),
    p99: paced.p99,
    saturated: (saturated.packets * viewers) / saturated.elapsed,
    memory,
    joins: viewers / joined,
    lost: lost / Math.max(1, received + lost),
  };
}

function rssOf({ process: { pid } }: Talker): number {
  return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) * 1024;
}

const results: Result[] = [];
const HEAD = [
  "viewers",
  "lane",
  "us CPU/packet",
  "p99 ms",
  "packets/s full",
  "KiB/viewer",
  "joins/s",
  "lost %",
];
const row = (cells: readonly (string | number)[]) =>
  console.log(
    cells.map((cell, n) => (n === 1 ? String(cell).padEnd(23) : String(cell).padStart(14))).join(" "),
  );
row(HEAD);
for (const viewers of VIEWERS) {
  for (const lane of LANES) {
    if (!lanes.includes(lane)) continue;
    if (lane === "werift" && viewers > MOST_WERIFT) continue;
    const result = await measure(lane, viewers);
    results.push(result);
    row([
      viewers,
      NAMES[lane],
      result.cpuPerPacket.toFixed(1),
      result.p99.toFixed(1),
      Math.round(result.saturated),
      Math.round(result.memory / 1024),
      result.joins.toFixed(0),
      (100 * result.lost).toFixed(2),
    ]);
  }
}
writeResult("fanout.json", { size, fps, results });
const lines = LANES.map((lane) => ({
  name: NAMES[lane],
  points: results.filter((result) => result.lane === lane),
}));
const title = `Microseconds of CPU a packet and viewer, ${size} at ${fps} frames a second`;
writeResult("fanout.svg", chart(title, lines));
rmSync(folder, { recursive: true });
