/**
 * `npm run bench:idle`: CPU of the server while a publisher pushes and there are no viewers, with real processes.
 * The minimum of several rounds counts: other programs and warming compilers only add. Prints a table, writes JSON.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { whole } from "../src/config/checks.ts";
import { startServer } from "../test/e2e/helpers/server.ts";
import { readOptions } from "./options.ts";
import { machineLine, writeResult } from "./results.ts";
import { round } from "./statistics.ts";

const { seconds: SECONDS, rounds: ROUNDS } = readOptions({
  command: "npm run bench:idle",
  about: "CPU of the server while a publisher pushes and there are no viewers",
  options: {
    seconds: { value: "N", help: "seconds per round", default: "20", check: whole(1, 3600) },
    rounds: { value: "N", help: "rounds; the minimum counts", default: "5", check: whole(1, 100) },
  },
});
/** Milliseconds until the publisher is connected, and has paused if it does. */
const WARM_UP = 5000;
/** USER_HZ: the unit of CPU times in /proc on Linux. */
const TICKS_PER_SECOND = 100;
const NODE = fileURLToPath(new URL("idle/publisher.ts", import.meta.url));
const PYTHON = fileURLToPath(new URL("idle/publisher.py", import.meta.url));

interface Lane {
  readonly publish?: (url: string) => ChildProcess;
  /** Whether it pauses without viewers. */
  readonly pauses?: boolean;
}

const node = (kind: string) => (url: string) =>
  spawn(process.execPath, [NODE, url, kind], { stdio: "inherit" });
const python = (...options: string[]) => ({
  publish: (url: string) => spawn("python3", [PYTHON, url, ...options], { stdio: "inherit" }),
});
const LANES: Record<string, Lane> = {
  "no publisher": {},
  "a JPEG": { publish: node("jpeg") },
  "raw pixels": { publish: node("raw") },
  "raw pixels from Blender": { ...python(), pauses: true },
  "raw pixels from Blender with --always": python("--always"),
};

async function measure({ publish, pauses = false }: Lane) {
  const server = await startServer();
  const publisher = publish?.(server.url);
  try {
    await sleep(WARM_UP);
    const rounds: number[] = [];
    while (rounds.length < ROUNDS) {
      const before = cpuOf(server.process);
      const began = performance.now();
      await sleep(SECONDS * 1000);
      rounds.push((cpuOf(server.process) - before) / ((performance.now() - began) / 1e5));
    }
    const { fps, state } = await server.info();
    const asExpected = pauses ? fps === 0 : fps > 19;
    if (publisher && (state.kind !== "live" || !asExpected)) throw new Error(`${state.kind} at ${fps} fps`);
    return rounds;
  } finally {
    if (publisher) {
      const exited = once(publisher, "exit");
      publisher.kill();
      await exited;
    }
    await server.stop();
  }
}

/** CPU seconds of a process so far, over all threads. */
function cpuOf({ pid }: ChildProcess): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, in parentheses, may contain any character.
  const [user, kernel] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return (Number(user) + Number(kernel)) / TICKS_PER_SECOND;
}

const rows: Record<string, { "% of a core": number; "all rounds": string }> = {};
for (const [name, lane] of Object.entries(LANES)) {
  process.stderr.write(`${name}\n`);
  const rounds = await measure(lane);
  const text = rounds.map((percent) => percent.toFixed(2)).join(" ");
  rows[name] = { "% of a core": round(Math.min(...rounds), 2), "all rounds": text };
}
console.table(rows);
console.log(`480x270 at 20 fps, no viewers, ${SECONDS} s per round.`);
console.log(machineLine());
writeResult("idle.json", { rows, seconds: SECONDS });
