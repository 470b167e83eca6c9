/**
 * `npm run bench:idle`: what the server costs while a publisher pushes and nobody watches.
 * Real processes. Of several rounds the least counts: other programs only ever add, and so do the first minute's
 * compilers. Prints a table and writes JSON.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { whole } from "../src/config.ts";
import { startServer } from "../test/e2e/server.ts";
import { readOptions } from "./options.ts";
import { machineLine, writeResult } from "./results.ts";
import { round } from "./statistics.ts";

const { seconds: SECONDS, rounds: ROUNDS } = readOptions({
  command: "npm run bench:idle",
  about: "what the server costs while a publisher pushes and nobody watches",
  options: {
    seconds: { value: "N", help: "seconds of a round", default: "20", check: whole(1, 3600) },
    rounds: { value: "N", help: "rounds, of which the least counts", default: "5", check: whole(1, 100) },
  },
});
/** The publisher has come, and one that rests does so. */
const WARM_UP = 5000;
/** Linux counts a process's time in these, whatever the kernel's own tick. */
const TICKS_A_SECOND = 100;
const NODE = fileURLToPath(new URL("idle/publisher.ts", import.meta.url));
const PYTHON = fileURLToPath(new URL("idle/publisher.py", import.meta.url));

interface Lane {
  readonly publish?: (url: string) => ChildProcess;
  /** Whether it stops sending when it hears that nobody watches. */
  readonly rests?: boolean;
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
  "raw pixels from Blender": { ...python(), rests: true },
  "raw pixels from Blender with --always": python("--always"),
};

async function measure({ publish, rests = false }: Lane) {
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
    const sound = rests ? fps === 0 : fps > 19;
    if (publisher && (state.kind !== "live" || !sound)) throw new Error(`${state.kind} at ${fps} fps`);
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

/** The seconds that it has taken of all cores, in all its threads. */
function cpuOf({ pid }: ChildProcess): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, in parentheses, may contain anything.
  const [user, kernel] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return (Number(user) + Number(kernel)) / TICKS_A_SECOND;
}

const rows: Record<string, { "% of a core": number; "all rounds": string }> = {};
for (const [name, lane] of Object.entries(LANES)) {
  process.stderr.write(`${name}\n`);
  const rounds = await measure(lane);
  const text = rounds.map((percent) => percent.toFixed(2)).join(" ");
  rows[name] = { "% of a core": round(Math.min(...rounds), 2), "all rounds": text };
}
console.table(rows);
console.log(`480x270 at 20 frames a second, nobody watching, ${SECONDS} s a round.`);
console.log(machineLine());
writeResult("idle.json", { rows, seconds: SECONDS });
