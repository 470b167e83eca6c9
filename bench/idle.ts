/**
 * `npm run bench:idle [-- SECONDS [ROUNDS]]`: what the server costs while a publisher pushes and nobody watches.
 * Real processes; of several rounds the least counts, as other programs only ever add. Prints a table and writes JSON.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type ServerProcess, startServer } from "../test/e2e/server.ts";

const SECONDS = Number(process.argv[2] ?? 20);
const ROUNDS = Number(process.argv[3] ?? 3);
/** What the start has left to do is done. */
const WARM_UP = 4000;
/** Linux counts a process's time in these, whatever the kernel's own tick. */
const TICKS_A_SECOND = 100;
const NODE = fileURLToPath(new URL("idle/publisher.ts", import.meta.url));
const PYTHON = fileURLToPath(new URL("idle/publisher.py", import.meta.url));

type Publish = (server: ServerProcess) => ChildProcess | undefined;
const LANES: Record<string, Publish> = {
  "no publisher": () => undefined,
  "a JPEG": ({ url }) => spawn(process.execPath, [NODE, url, "jpeg"], { stdio: "inherit" }),
  "raw pixels": ({ url }) => spawn(process.execPath, [NODE, url, "raw"], { stdio: "inherit" }),
  "raw pixels, as Blender sends them with --always": ({ url }) =>
    spawn("python3", [PYTHON, url], { stdio: "inherit" }),
};

async function measure(publish: Publish) {
  const server = await startServer();
  const publisher = publish(server);
  try {
    await sleep(WARM_UP);
    const before = cpuOf(server.process);
    const began = performance.now();
    await sleep(SECONDS * 1000);
    const cpu = (cpuOf(server.process) - before) / ((performance.now() - began) / 1000);
    const { fps, state } = await server.info();
    if (publisher && (state.kind !== "live" || fps < 19)) throw new Error(`${state.kind} at ${fps} fps`);
    return cpu * 100;
  } finally {
    if (publisher) {
      const exited = once(publisher, "exit");
      publisher.kill();
      await exited;
    }
    await server.stop();
  }
}

/** Seconds that it has taken of all cores, in all its threads. */
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
for (const [name, publish] of Object.entries(LANES)) {
  const rounds: number[] = [];
  while (rounds.length < ROUNDS) {
    process.stderr.write(`${name}, round ${rounds.length + 1}\n`);
    rounds.push(await measure(publish));
  }
  const text = rounds.map((percent) => percent.toFixed(2)).join(" ");
  rows[name] = { "% of a core": Number(Math.min(...rounds).toFixed(2)), "all rounds": text };
}
console.table(rows);
console.log(`480x270 at 20 frames a second, nobody watching, ${SECONDS} s a round.`);
console.log(`On ${cpus().length} x ${cpus()[0]?.model}.`);
mkdirSync(new URL("results/", import.meta.url), { recursive: true });
writeFileSync(
  new URL("results/idle.json", import.meta.url),
  JSON.stringify({ rows, seconds: SECONDS, node: process.version }, null, 2),
);
