/** The parent's side of a decoder process: starts it on demand, and kills it if it is slow, crashes or idles. */
import { type ChildProcess, spawn } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Cancel, Clock, Millis } from "../../base/clock.ts";
import { checkSize, DECODE_TIMEOUT, type DecodeError, type Refusal, refusal } from "./decode-error.ts";
import type { Pixels } from "./pixels.ts";
import { ANSWER_BYTES, Blocks, REQUEST_BYTES, readAnswer } from "./wire-format.ts";

const WORKER = fileURLToPath(new URL(`./decoder-worker${extname(import.meta.filename)}`, import.meta.url));

/** Even on a loaded machine, a process that takes longer does not start at all. */
const START_TIMEOUT: Millis = 30_000;

/** An idle process ends after this time: it holds about 70 MB, and restarts within 0.2 s. */
const IDLE_TIMEOUT: Millis = 30_000;

/** The environment variables that the process needs to start. It gets no others, because they may hold secrets. */
const PASSED_VARIABLES = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SystemRoot", "TEMP", "TMPDIR"];

/** Totals over all streams, for `/metrics`. */
const counts = { started: 0, rested: 0, killed: 0, crashed: 0 };

/** How many decoder processes were started, and how they ended. */
export function decoderCounts(): Readonly<Record<string, number>> {
  return counts;
}

/** A promise to settle, and its timeout. */
interface Job<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: DecodeError) => void;
  readonly cancelTimeout: Cancel;
}

/** Starts a decoder process that takes pictures of up to `maxPixels`. Only tests pass their own. */
export type Start = (maxPixels: number) => ChildProcess;

/** Decodes the pictures of one stream in a process of its own. */
export class DecoderProcess {
  readonly #maxPixels: number;
  readonly #clock: Clock;
  readonly #start: Start;
  #child: ChildProcess | undefined;
  #starting: Job<void> | undefined;
  #job: Job<Pixels> | undefined;
  #cancelIdleTimeout: Cancel | undefined;

  constructor(maxPixels: number, clock: Clock, start: Start = startProcess) {
    this.#maxPixels = maxPixels;
    this.#clock = clock;
    this.#start = start;
  }

  /**
   * Starts the process if there is none, and waits until it can decode. Call it before taking a slot.
   * @throws {DecodeError} if the process does not start.
   */
  async ready(): Promise<void> {
    this.#cancelIdleTimeout?.();
    if (this.#child) return;
    await new Promise<void>((resolve, reject) => {
      const cancelTimeout = this.#clock.after(START_TIMEOUT, () => this.kill("noDecoder"));
      this.#starting = { resolve, reject, cancelTimeout };
      try {
        this.#child = this.#open();
      } catch (error) {
        this.#settleStart((job) => job.reject(refusal("noDecoder", error)));
      }
    });
  }

  /**
   * Decodes a picture to packed RGB. Call it after {@link ready}, and again only after it has settled.
   * @throws {DecodeError} if the picture is refused, or the process was killed or crashed.
   */
  decode(picture: Buffer): Promise<Pixels> {
    return new Promise((resolve, reject) => {
      // The process crashed after `ready`.
      if (!this.#child) throw refusal("crashed");
      const cancelTimeout = this.#clock.after(DECODE_TIMEOUT, () => this.kill("slow"));
      this.#job = { resolve, reject, cancelTimeout };
      this.#child.ref();
      const length = Buffer.alloc(REQUEST_BYTES);
      length.writeUInt32LE(picture.length);
      this.#child.stdin?.write(length);
      this.#child.stdin?.write(picture);
    });
  }

  /** Kills the process, if there is one. A picture that it decodes now is refused for this reason. */
  kill(why: Refusal): void {
    if (this.#child) this.#drop("killed", why);
  }

  #open(): ChildProcess {
    counts.started++;
    const child = this.#start(this.#maxPixels);
    const isCurrent = () => this.#child === child;
    const lost = (cause?: unknown) => {
      if (isCurrent()) this.#drop("crashed", this.#starting ? "noDecoder" : "crashed", cause);
    };
    child.on("error", lost).on("close", () => lost());
    // A failed write is no news: the `close` event reports the same.
    child.stdin?.on("error", () => {});
    let pixels: Omit<Pixels, "data"> | undefined;
    const blocks = new Blocks(ANSWER_BYTES, (block) => {
      if (pixels) {
        const size = pixels;
        pixels = undefined;
        this.#settleJob((job) => job.resolve({ ...size, data: block }));
        return ANSWER_BYTES;
      }
      pixels = this.#sizeOf(block);
      return pixels ? pixels.width * pixels.height * 3 : ANSWER_BYTES;
    });
    child.stdout?.on("data", (chunk) => {
      if (isCurrent()) blocks.push(chunk);
    });
    // Pipes of an idle decoder must not keep the server alive. When they close, the decoder ends.
    for (const pipe of [child.stdin, child.stdout])
      if (pipe && "unref" in pipe && typeof pipe.unref === "function") pipe.unref();
    return child;
  }

  /** The size of the pixels that follow; undefined if none do. Checks the answer: a picture may control the process. */
  #sizeOf(header: Buffer): Omit<Pixels, "data"> | undefined {
    const answer = readAnswer(header);
    if (answer?.kind === "ready" && this.#starting) {
      this.#settleStart((job) => job.resolve());
      return undefined;
    }
    if (!answer || answer.kind === "ready" || !this.#job) {
      this.#drop("crashed", "crashed");
      return undefined;
    }
    try {
      if (answer.kind === "refused") {
        // The process ends itself, because its memory is full.
        if (answer.refusal === "hungry") this.kill("hungry");
        throw refusal(answer.refusal);
      }
      const { width, height } = answer;
      checkSize({ width, height }, this.#maxPixels);
      if (answer.kind === "decoded" && width * height > 0) return { width, height };
      throw refusal("damaged");
    } catch (error) {
      this.#settleJob((job) => job.reject(error as DecodeError));
      return undefined;
    }
  }

  #settleStart(settle: (job: Job<void>) => void): void {
    const job = this.#starting;
    this.#starting = undefined;
    job?.cancelTimeout();
    if (job) settle(job);
  }

  #settleJob(settle: (job: Job<Pixels>) => void): void {
    const job = this.#job;
    this.#job = undefined;
    job?.cancelTimeout();
    this.#child?.unref();
    if (job) settle(job);
    this.#cancelIdleTimeout = this.#clock.after(IDLE_TIMEOUT, () => this.#drop("rested", "crashed"));
  }

  #drop(what: "rested" | "killed" | "crashed", why: Refusal, cause?: unknown): void {
    counts[what]++;
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
    this.#settleStart((job) => job.reject(refusal(why, cause)));
    this.#settleJob((job) => job.reject(refusal(why, cause)));
    this.#cancelIdleTimeout?.();
  }
}

function startProcess(maxPixels: number): ChildProcess {
  const variables = PASSED_VARIABLES.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return spawn(process.execPath, ["--max-old-space-size=64", WORKER, String(maxPixels)], {
    stdio: ["pipe", "pipe", "ignore"],
    env: { ...Object.fromEntries(variables), UV_THREADPOOL_SIZE: "2" },
    windowsHide: true,
  });
}
