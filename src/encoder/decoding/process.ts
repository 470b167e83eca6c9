/**
 * The process that decodes one stream's pictures, one after the other: it can be killed where the library cannot be
 * stopped, and crashes alone. Its argument is the most pixels of a picture. It ends with its input.
 */
import { writeFileSync, writeSync } from "node:fs";
import { constants, setPriority } from "node:os";
import type { Millis } from "../../timing.ts";
import { DecodeError } from "./error.ts";
import { type Answer, Blocks, REQUEST_BYTES, writeAnswer } from "./messages.ts";
import { checkHeader, toPixels } from "./pixels.ts";

/** How often its use is looked at: meanwhile a picture can fill some 100 MB. */
const LOOK_EACH: Millis = 25;

/** Once a picture has taken so much of the processor's time, all else goes first. */
const QUICK: Millis = 250;

/** Node and the library take 70 MB, a picture 64 MiB. */
const BASE_MEMORY = 256_000_000;

/** An interlaced PNG of 16 bits takes 11, an AVIF of noise 24. */
const BYTES_PER_PIXEL = 32;

/** Standard output, which only answers are written to. */
const OUTPUT = 1;

const maxPixels = Number(process.argv[2]);
const maxMemory = BASE_MEMORY + BYTES_PER_PIXEL * maxPixels;

let isLength = true;
const blocks = new Blocks(REQUEST_BYTES, (block) => {
  const next = isLength ? block.readUInt32LE() : REQUEST_BYTES;
  if (!isLength) void answer(block);
  isLength = !isLength;
  return next;
});

dieFirst();
process.stdin.on("data", (chunk) => blocks.push(chunk));
process.stdin.on("end", die).on("error", die);
write(writeAnswer({ kind: "ready" }));

/** The server gives the next picture once it has this answer. */
async function answer(picture: Buffer): Promise<void> {
  const before = process.cpuUsage();
  const took = () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  const watch = setInterval(() => {
    if (took() > QUICK) setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
    if (process.memoryUsage.rss() <= maxMemory) return;
    write(writeAnswer({ kind: "refused", refusal: "hungry" }));
    die();
  }, LOOK_EACH);
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

/** Waits until all is in the pipe: `process.stdout` would make its own copy of what does not fit. */
function write(bytes: Buffer): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(OUTPUT, bytes, at);
  } catch {
    die();
  }
}

/** At once: to exit it would wait for the library's threads. */
function die(): void {
  process.kill(process.pid, "SIGKILL");
}

/** Where memory runs out Linux ends this process rather than the server (proc_pid_oom_score_adj(5)). */
function dieFirst(): void {
  try {
    writeFileSync("/proc/self/oom_score_adj", "1000");
  } catch {
    // Another system.
  }
}
