/** The built-in scene, which viewers see until a render loop connects. A worker thread draws it. */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Cancel, Clock, Millis } from "../../base/clock.ts";
import type { RawFrame } from "../../media/frame.ts";
import type { Source, SourceSink } from "../source.ts";
import type { WorkerOrder, WorkerReport, WorkerSetup } from "./messages.ts";

/** The parameters of {@link patternSource}. */
export interface PatternOptions {
  /** Pixels, 16 to 3840. */
  readonly width: number;
  /** Pixels, 16 to 2160. */
  readonly height: number;
  /** Frames per second. */
  readonly fps: number;
  readonly clock: Clock;
  /** The worker's module; by default the one beside this file. */
  readonly module?: URL;
}

/** Makes the source. It draws, and takes CPU time, only while somebody watches. */
export function patternSource(options: PatternOptions): Source {
  return new PatternSource(options);
}

const WORKER = new URL(`./worker${extname(import.meta.filename)}`, import.meta.url);
/** Shortest interval between two starts of a worker that crashes. */
const RESTART_INTERVAL: Millis = 1000;

class PatternSource implements Source {
  readonly label = "built-in scene";
  readonly #options: PatternOptions;
  /** Number of the last frame taken, shared with the worker. */
  readonly #taken = new Int32Array(new SharedArrayBuffer(4));
  #sink: SourceSink | undefined;
  #worker: Worker | undefined;
  /** Time of the worker's last start. */
  #launched = 0;
  /** Whether a worker has ever been ready to draw. */
  #started = false;
  #cancelRestart: Cancel | undefined;
  #watched = false;
  #closed = false;
  /** Number of the last frame from the worker. */
  #number = 0;
  #frames = 0;
  #skipped = 0;
  #restarts = 0;

  constructor(options: PatternOptions) {
    this.#options = options;
  }

  async start(sink: SourceSink): Promise<void> {
    this.#sink = sink;
    await new Promise<void>((resolve, reject) => {
      this.#launch(resolve, (cause) =>
        reject(new Error("The built-in scene could not start its worker thread.", { cause })),
      );
    });
    if (!this.#closed) sink.state({ kind: "live", since: this.#options.clock.now(), run: 1 });
  }

  demand(watched: boolean): void {
    if (watched === this.#watched) return;
    this.#watched = watched;
    this.#order();
  }

  counters(): Readonly<Record<string, number>> {
    return { taken: this.#frames, skipped: this.#skipped, restarts: this.#restarts };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRestart?.();
    await this.#worker?.terminate();
  }

  /** Starts a worker. Calls `ready` when it can draw, or `failed` if the first worker ends before that. */
  #launch(ready: () => void, failed: (cause: unknown) => void): void {
    const { width, height, fps, clock, module = WORKER } = this.#options;
    this.#launched = clock.now();
    const setup: WorkerSetup = { width, height, fps, firstNumber: this.#number + 1, taken: this.#taken };
    const worker = new Worker(module, { workerData: setup, name: this.label });
    this.#worker = worker;
    if (this.#watched) this.#order();
    let crash: unknown;
    worker.on("message", (report: WorkerReport) => {
      if (report.kind === "frame") return this.#take(report);
      this.#started = true;
      ready();
    });
    worker.on("error", (error) => {
      crash = error;
    });
    worker.on("exit", () => {
      this.#worker = undefined;
      if (this.#closed) ready();
      else if (this.#started) this.#restart();
      else failed(crash);
    });
  }

  #restart(): void {
    const { clock } = this.#options;
    const wait = Math.max(0, this.#launched + RESTART_INTERVAL - clock.now());
    this.#cancelRestart = clock.after(wait, () => {
      this.#restarts++;
      this.#launch(
        () => {},
        () => {},
      );
    });
  }

  #order(): void {
    const order: WorkerOrder = { draw: this.#watched };
    this.#worker?.postMessage(order);
  }

  #take({ number, captured, pixels, skipped }: Extract<WorkerReport, { kind: "frame" }>): void {
    const received = this.#options.clock.now();
    this.#number = number;
    Atomics.store(this.#taken, 0, number);
    this.#skipped += skipped;
    // Drop frames that were on their way when the last viewer left.
    if (this.#closed || !this.#watched) return;
    this.#frames++;
    const { width, height } = this.#options;
    const frame: RawFrame = {
      kind: "raw",
      format: "rgba",
      number,
      width,
      height,
      data: Buffer.from(pixels),
      timings: { captured, received },
    };
    this.#sink?.frame(frame);
  }
}
