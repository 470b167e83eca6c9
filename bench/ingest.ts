/**
 * `npm run bench:ingest`: latency from complete pixels in a real Blender to a RawFrame in the server, through the
 * folder's file, a pushed JPEG and pushed raw pixels. Prints a table, writes JSON.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { systemClock } from "../src/base/clock.ts";
import { whole } from "../src/config/checks.ts";
import { Decoder } from "../src/encoder/image/decode.ts";
import { publishOverHttp } from "../src/http/publish-route.ts";
import type { SourceFrame } from "../src/media/frame.ts";
import { folderSource } from "../src/source/folder/folder.ts";
import { IngestSource } from "../src/source/ingest/ingest.ts";
import type { Source } from "../src/source/source.ts";
import { findParts } from "../test/setup/plan.ts";
import { system } from "../test/setup/system.ts";
import { readOptions } from "./options.ts";
import { machineLine, writeResult } from "./results.ts";
import { median, quantile, round } from "./statistics.ts";

const SIZES = ["480x270", "1280x720", "1920x1080"];
const MODES = ["file", "jpeg", "raw"] as const;
const { frames: FRAMES } = readOptions({
  command: "npm run bench:ingest",
  about: "latency from complete pixels in Blender to pixels in the server",
  options: {
    frames: { value: "N", help: "frames per size and mode", default: "40", check: whole(1, 10_000) },
  },
});
/** Frames not counted: shaders compile, connections open. */
const WARM_UP = 5;
/** Bytes and pixels per frame. */
const LIMIT = 64 * 1024 * 1024;
const decoder = new Decoder(LIMIT, systemClock);
const SCRIPT = fileURLToPath(new URL("ingest_blender.py", import.meta.url));

/** Blender's report of one frame: epoch and CPU time in milliseconds. */
interface Complete {
  readonly complete: number;
  readonly cpu: number;
}

const found = findParts(system).blender;
if (!found) throw new Error("This bench needs Blender. Run node test/setup/parts.ts to install it.");
const blender: string = found;
const folder = mkdtempSync(join(tmpdir(), "rendercast-bench-"));
const arrivals: number[] = [];

const sink = {
  state() {},
  problem() {},
  /** As in a broadcast, a frame counts once it is decoded. */
  frame(frame: SourceFrame) {
    if (frame.kind === "raw") arrivals.push(systemClock.now());
    else void decoder.decode(frame).then(() => arrivals.push(systemClock.now()));
  },
};
const limits = { maxBytes: LIMIT, stallAfter: 60_000, clock: systemClock };
const names = {
  picture: "img.jpg",
  data: "img_data.json",
  written: "img_written.txt",
  running: "img_running.txt",
};
const ingest = new IngestSource({ ...limits, maxPixels: LIMIT });
const files = folderSource({ ...limits, ...names, folder, log: console.error });
const server = createServer((request, response) => {
  publishOverHttp(request, response, ingest, { address: "127.0.0.1", takeover: false, sameClock: true });
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function runMode(mode: (typeof MODES)[number], size: string) {
  const source: Source = mode === "file" ? files : ingest;
  source.demand(true);
  arrivals.length = 0;
  const given = [mode, size, String(FRAMES + WARM_UP), folder, url];
  const own = [
    "-b",
    "--factory-startup",
    "-noaudio",
    "--python-exit-code",
    "1",
    "-P",
    SCRIPT,
    "--",
    ...given,
  ];
  const child = spawn(blender, own, { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  const completed: Complete[] = [];
  let cpu = process.cpuUsage();
  let written = bytesWritten(process.pid);
  createInterface(child.stdout).on("line", (line) => {
    if (!line.startsWith("bench ")) return;
    completed.push(JSON.parse(line.slice("bench ".length)));
    if (completed.length === WARM_UP) {
      cpu = process.cpuUsage();
      written = bytesWritten(process.pid, child.pid);
    }
    if (completed.length === FRAMES + WARM_UP) written = bytesWritten(process.pid, child.pid) - written;
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`Blender ended with code ${code}:\n${errors}`);
  const { user, system: kernel } = process.cpuUsage(cpu);
  source.demand(false);

  // Each frame is delivered before the next is begun, so an arrival belongs to the latest complete frame.
  const measured = completed.slice(WARM_UP);
  const latencies = measured.flatMap(({ complete }, i) => {
    const next = measured[i + 1]?.complete ?? Number.POSITIVE_INFINITY;
    const arrival = arrivals.find((at) => at >= complete && at < next);
    return arrival === undefined ? [] : [arrival - complete];
  });
  return {
    "median ms": round(median(latencies), 1),
    "p95 ms": round(quantile(latencies, 0.95), 1),
    frames: latencies.length,
    "Blender CPU ms": round(median(measured.map((frame) => frame.cpu)), 1),
    "server CPU ms": round((user + kernel) / 1000 / FRAMES, 1),
    "KiB written": Math.round(written / 1024 / FRAMES),
  };
}

/** Bytes that the processes have written to disks so far (Linux; 0 elsewhere). */
function bytesWritten(...pids: (number | undefined)[]): number {
  let sum = 0;
  for (const pid of pids) {
    try {
      sum += Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1] ?? 0);
    } catch {
      // Not Linux, or the process is gone.
    }
  }
  return sum;
}

await files.start(sink);
await ingest.start(sink);
const rows: Record<string, Awaited<ReturnType<typeof runMode>>> = {};
for (const size of SIZES) {
  for (const mode of MODES) {
    process.stderr.write(`${size} ${mode}\n`);
    rows[`${size} ${mode}`] = await runMode(mode, size);
  }
}
await Promise.all([files.close(), ingest.close()]);
server.close();
server.closeAllConnections();
rmSync(folder, { recursive: true });

console.table(rows);
console.log(
  "Latency from complete pixels in Blender to pixels in the server; CPU and bytes per frame, without rendering. Blender draws on the CPU.",
);
console.log(machineLine());
writeResult("ingest.json", { rows });
