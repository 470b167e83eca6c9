/** Decodes one stream's pictures in a process of its own, which is there while it is needed. */
import { type ChildProcess, spawn } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Cancel, Clock, EpochMs, Millis } from "../../timing.ts";
import { checkSize, DECODE_WITHIN, type DecodeError, type Refusal, refusal } from "./error.ts";
import { ANSWER_BYTES, Blocks, REQUEST_BYTES, readAnswer } from "./messages.ts";
import type { Pixels } from "./pixels.ts";

const PROCESS = fileURLToPath(new URL(`./process${extname(import.meta.filename)}`, import.meta.url));

/** A process that takes longer to start does not on this machine, however loaded. */
const START_WITHIN: Millis = 30_000;

/** The process takes some 70 MB, and a fifth of a second to start. */
const IDLE_FOR: Millis = 30_000;

/** After the second process in a row that had to end no other is started for so long, then for twice as long. */
const FIRST_PAUSE: Millis = 1000;

const LONGEST_PAUSE: Millis = 8000;

/** What of the server's variables it gets, so that it starts: no secret among them. */
const VARIABLES = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SystemRoot", "TEMP", "TMPDIR"];

/** What became of all processes of this server, for `/metrics`. */
const counts = { started: 0, rested: 0, killed: 0, crashed: 0 };

/** How many decoders' processes were started, and how they ended. */
export function decoderCounts(): Readonly<Record<string, number>> {
  return counts;
}

/** What somebody waits for. */
interface Job<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: DecodeError) => void;
  readonly stopWaiting: Cancel;
}

/** Pixels, and the processor's time that they took. */
export interface Decoded {
  readonly pixels: Pixels;
  readonly took: Millis;
}

/** What of it an answer's header tells. */
type Announced = Omit<Pixels, "data"> & { readonly took: Millis };

/** A process that decodes, as what starts it sees it; only tests pass their own. */
export type Start = (maxPixels: number) => ChildProcess;

export class OutsideDecoder {
  readonly #maxPixels: number;
  readonly #clock: Clock;
  readonly #start: Start;
  #child: ChildProcess | undefined;
  #starting: Job<void> | undefined;
  #job: Job<Decoded> | undefined;
  #stopResting: Cancel | undefined;
  /** Processes that had to end since the last picture that was decoded. */
  #failures = 0;
  /** Why the last one had to, and until when no other is started. */
  #pause: { readonly why: Refusal; readonly until: EpochMs } | undefined;

  constructor(maxPixels: number, clock: Clock, start: Start = startProcess) {
    this.#maxPixels = maxPixels;
    this.#clock = clock;
    this.#start = start;
  }

  /**
   * Starts the process where there is none, and waits for it: it holds no place meanwhile.
   * @throws {DecodeError}
   */
  async ready(): Promise<void> {
    this.#stopResting?.();
    if (this.#child) return;
    if (this.#pause && this.#clock.now() < this.#pause.until) throw refusal(this.#pause.why);
    await new Promise<void>((resolve, reject) => {
      const stopWaiting = this.#clock.after(START_WITHIN, () => this.kill("noDecoder"));
      this.#starting = { resolve, reject, stopWaiting };
      try {
        this.#child = this.#open();
      } catch (error) {
        this.#started((job) => job.reject(refusal("noDecoder", error)));
      }
    });
  }

  /**
   * Decodes one picture at a time, once it is {@link ready}.
   * @throws {DecodeError}
   */
  decode(picture: Buffer): Promise<Decoded> {
    return new Promise((resolve, reject) => {
      // It has crashed since.
      if (!this.#child) throw refusal("crashed");
      const stopWaiting = this.#clock.after(DECODE_WITHIN, () => this.kill("slow"));
      this.#job = { resolve, reject, stopWaiting };
      this.#child.ref();
      const length = Buffer.alloc(REQUEST_BYTES);
      length.writeUInt32LE(picture.length);
      this.#child.stdin?.write(length);
      this.#child.stdin?.write(picture);
    });
  }

  /** Kills the process, if there is one, and refuses the picture that it decodes. */
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
    // What cannot be written is known by the end of the process.
    child.stdin?.on("error", () => {});
    let announced: Announced | undefined;
    const blocks = new Blocks(ANSWER_BYTES, (block) => {
      if (announced) {
        const { took, ...size } = announced;
        announced = undefined;
        this.#failures = 0;
        this.#done((job) => job.resolve({ pixels: { ...size, data: block }, took }));
        return ANSWER_BYTES;
      }
      announced = this.#read(block);
      return announced ? announced.width * announced.height * 3 : ANSWER_BYTES;
    });
    child.stdout?.on("data", (chunk) => {
      if (isCurrent()) blocks.push(chunk);
    });
    // Idle it keeps this process from ending no more than its pipes do: it ends when they are closed.
    for (const pipe of [child.stdin, child.stdout])
      if (pipe && "unref" in pipe && typeof pipe.unref === "function") pipe.unref();
    return child;
  }

  /** What pixels follow; undefined where the picture is refused. What it says is not believed. */
  #read(header: Buffer): Announced | undefined {
    const answer = readAnswer(header);
    if (answer?.kind === "ready" && this.#starting) {
      this.#started((job) => job.resolve());
      return undefined;
    }
    if (!answer || answer.kind === "ready" || !this.#job) {
      this.#drop("crashed", "crashed");
      return undefined;
    }
    try {
      if (answer.kind === "refused") {
        // It ends itself, as its memory is full.
        if (answer.refusal === "hungry") this.kill("hungry");
        throw refusal(answer.refusal);
      }
      const { width, height } = answer;
      checkSize({ width, height }, this.#maxPixels);
      if (answer.kind === "decoded" && width * height > 0) return { width, height, took: answer.took };
      throw refusal("damaged");
    } catch (error) {
      this.#done((job) => job.reject(error as DecodeError));
      return undefined;
    }
  }

  #started(settle: (job: Job<void>) => void): void {
    const job = this.#starting;
    this.#starting = undefined;
    job?.stopWaiting();
    if (job) settle(job);
  }

  #done(settle: (job: Job<Decoded>) => void): void {
    const job = this.#job;
    this.#job = undefined;
    job?.stopWaiting();
    this.#child?.unref();
    if (job) settle(job);
    this.#stopResting = this.#clock.after(IDLE_FOR, () => this.#drop("rested", "crashed"));
  }

  #drop(what: "rested" | "killed" | "crashed", why: Refusal, cause?: unknown): void {
    counts[what]++;
    if (what !== "rested" && ++this.#failures > 1) {
      const pause = Math.min(FIRST_PAUSE * 2 ** (this.#failures - 2), LONGEST_PAUSE);
      this.#pause = { why, until: (this.#clock.now() + pause) as EpochMs };
    }
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
    this.#started((job) => job.reject(refusal(why, cause)));
    this.#done((job) => job.reject(refusal(why, cause)));
    this.#stopResting?.();
  }
}

function startProcess(maxPixels: number): ChildProcess {
  const variables = VARIABLES.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return spawn(process.execPath, ["--max-old-space-size=64", PROCESS, String(maxPixels)], {
    stdio: ["pipe", "pipe", "ignore"],
    env: { ...Object.fromEntries(variables), UV_THREADPOOL_SIZE: "2" },
    windowsHide: true,
  });
}
