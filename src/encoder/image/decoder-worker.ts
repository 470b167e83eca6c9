/**
 * The decoder process of one stream. Unlike the library in a thread, a process can be killed, and crashes alone.
 * Its argument is the limit of pixels per picture. It decodes one picture at a time, and ends with its standard input.
 */

import { writeFileSync, writeSync } from "node:fs";
import type { Millis } from "../../base/clock.ts";
import { lowerPriority } from "../../base/priority.ts";
import { DecodeError } from "./decode-error.ts";
import { checkHeader, toPixels } from "./pixels.ts";
import { type Answer, Blocks, REQUEST_BYTES, writeAnswer } from "./wire-format.ts";

/** Interval of the checks of memory and CPU time. Within it, a picture can fill about 100 MB. */
const CHECK_INTERVAL: Millis = 25;

/** After this CPU time, the process gives way to everything else on the machine. */
const QUICK_WORK: Millis = 250;

/** In bytes. Node.js and the library take 70 MB, a picture file up to 64 MiB. */
const BASE_MEMORY = 256_000_000;

/** An interlaced 16-bit PNG takes 11, an AVIF of noise 24. */
const BYTES_PER_PIXEL = 32;

/** The file descriptor of standard output. Only answers are written to it. */
const OUTPUT = 1;

const maxPixels = Number(process.argv[2]);
const maxMemory = BASE_MEMORY + BYTES_PER_PIXEL * maxPixels;

/** Whether the next block is a length, or a picture. */
let isLength = true;
const blocks = new Blocks(REQUEST_BYTES, (block) => {
  const next = isLength ? block.readUInt32LE() : REQUEST_BYTES;
  if (!isLength) void answer(block);
  isLength = !isLength;
  return next;
});

volunteerForOomKiller();
process.stdin.on("data", (chunk) => blocks.push(chunk));
process.stdin.on("end", die).on("error", die);
write(writeAnswer({ kind: "ready" }));

/** Decodes a picture and writes the answer. The server sends the next picture only after that. */
async function answer(picture: Buffer): Promise<void> {
  const before = process.cpuUsage();
  const took = () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  const watch = setInterval(() => {
    if (took() > QUICK_WORK) lowerPriority();
    if (process.memoryUsage.rss() <= maxMemory) return;
    write(writeAnswer({ kind: "refused", refusal: "hungry" }));
    die();
  }, CHECK_INTERVAL);
  try {
    await checkHeader(picture, maxPixels);
    const { width, height, data } = await toPixels(picture, maxPixels);
    write(writeAnswer({ kind: "decoded", width, height, took: took() }));
    write(data);
  } catch (error) {
    write(writeAnswer(answerOf(error)));
  } finally {
    clearInterval(watch);
  }
}

function answerOf(error: unknown): Answer {
  if (!(error instanceof DecodeError)) return { kind: "refused", refusal: "damaged" };
  const { about } = error;
  return typeof about === "string" ? { kind: "refused", refusal: about } : { kind: "oversized", ...about };
}

/** Blocks until the pipe has taken all bytes: `process.stdout` would copy what does not fit. */
function write(bytes: Buffer): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(OUTPUT, bytes, at);
  } catch {
    die();
  }
}

/** Ends at once: `process.exit` would wait for the library's threads. */
function die(): void {
  process.kill(process.pid, "SIGKILL");
}

/** If memory runs out, Linux kills this process rather than the server (proc_pid_oom_score_adj(5)). */
function volunteerForOomKiller(): void {
  try {
    writeFileSync("/proc/self/oom_score_adj", "1000");
  } catch {
    // Not Linux.
  }
}
