/**
 * `npm run bench:fanout`: cost per additional viewer. Sends a real encoded stream to real peer connections (pion, in a
 * process of its own) with our native and plain senders, with werift and with pion. Prints a table, writes JSON and a
 * chart to `bench/results`. Needs Debian's golang-go and golang-github-pion-webrtc.v3-dev.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { whole } from "../src/config/checks.ts";
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
  about: "cost per additional viewer, with real peer connections",
  options: {
    viewers: {
      value: "N,...",
      help: "numbers of viewers, one after the other",
      default: "1,10,50,100,200",
      check: wholeNumbers,
    },
    seconds: { value: "N", help: "duration of each measurement", default: "8", check: whole(1, 600) },
    shot: { value: "WxH@FPS", help: "size and frame rate", default: "480x270@20", check: shot },
    lanes: { value: "NAME,...", help: "senders", default: LANES.join(), check: someOf(LANES) },
  },
  choices: { Lanes: LANES.map((name) => ({ name, about: NAMES[name] })) },
});
/** With more viewers, werift saturates a core. */
const MAX_WERIFT_VIEWERS = 100;

interface Result {
  readonly lane: Lane;
  readonly viewers: number;
  /** Microseconds of CPU of the sending process, per packet and viewer. */
  readonly cpuPerPacket: number;
  /** Milliseconds from the encoded frame to the last viewer's socket. */
  readonly p99: number;
  /** Packets per second to all viewers together, sending without pauses. */
  readonly saturated: number;
  /** Bytes of memory per viewer in the sending process. */
  readonly memory: number;
  /** Connections per second, including the receivers' work. */
  readonly joins: number;
  /** Share of packets lost. */
  readonly lost: number;
}

/** A child process that exchanges lines of JSON. */
class JsonProcess {
  readonly process: ChildProcess;
  readonly #waiting: ((line: Record<string, unknown>) => void)[] = [];
  readonly #lines: Record<string, unknown>[] = [];

  constructor(command: string, parameters: readonly string[]) {
    this.process = spawn(command, parameters, { stdio: ["pipe", "pipe", "inherit"] });
    if (this.process.stdout === null) throw new Error("The process has no standard output.");
    createInterface({ input: this.process.stdout }).on("line", (text) => {
      const line = JSON.parse(text);
      const waiting = this.#waiting.shift();
      if (waiting) waiting(line);
      else this.#lines.push(line);
    });
  }

  send(line: unknown): void {
    this.process.stdin?.write(`${JSON.stringify(line)}\n`);
  }

  async receive(): Promise<Record<string, unknown>> {
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
      ? new JsonProcess(pion, ["send"])
      : new JsonProcess(process.execPath, [
          fileURLToPath(new URL("fanout/sender.ts", import.meta.url)),
          lane,
        ]);
  const receivers = new JsonProcess(pion, ["receive", String(viewers)]);
  const offers: Record<string, unknown>[] = [];
  while (offers.length < viewers) offers.push(await receivers.receive());
  const empty = rssOf(sender);
  const began = performance.now();
  for (const offer of offers) {
    sender.send(offer);
    receivers.send(await sender.receive());
  }
  const count = async () => {
    receivers.send({ count: true });
    return (await receivers.receive()) as { connected: number; received: number; lost: number };
  };
  while ((await count()).connected < viewers) await new Promise((resolve) => setTimeout(resolve, 20));
  const joined = (performance.now() - began) / 1000;
  const memory = (rssOf(sender) - empty) / viewers;
  // Wait until the work of the joins is done.
  await new Promise((resolve) => setTimeout(resolve, 1000));

  const run = async (saturate: boolean, seconds: number) => {
    sender.send({ run: { clip: path, fps, seconds, saturate } });
    return (await sender.receive()) as { packets: number; cpu: number; elapsed: number; p99: number };
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

function rssOf({ process: { pid } }: JsonProcess): number {
  return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) * 1024;
}

const results: Result[] = [];
const HEAD = [
  "viewers",
  "lane",
  "CPU us/packet",
  "p99 ms",
  "max packets/s",
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
    if (lane === "werift" && viewers > MAX_WERIFT_VIEWERS) continue;
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
const title = `CPU microseconds per packet and viewer, ${size} at ${fps} fps`;
writeResult("fanout.svg", chart(title, lines));
rmSync(folder, { recursive: true });
