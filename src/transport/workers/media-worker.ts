/** One media worker, in the main thread: the life of its thread, the viewers given to it, and the frames for them. */

import { Worker } from "node:worker_threads";
import type { Clock, Millis } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { type Codec, type EncodedFrame, renditionName } from "../../media/frame.ts";
import { type Answered, OfferError, type Sent, type ViewerEvents } from "../audience/viewer.ts";
import type { RtcPort } from "../port/port.ts";
import { FramesInFlight } from "./frames-in-flight.ts";
import { Heartbeat } from "./heartbeat.ts";
import {
  copyOf,
  type WorkerCounters,
  type WorkerOrder,
  type WorkerReport,
  type WorkerSetup,
} from "./messages.ts";
import { type WorkerAnswer, WorkerViewer } from "./worker-viewer.ts";

// Node runs the source tree's TypeScript directly; the built package has JavaScript.
const THREAD = new URL(import.meta.url.endsWith(".ts") ? "./thread.ts" : "./thread.js", import.meta.url);

/** How long a worker may take to end before it is terminated. */
const END_TIMEOUT: Millis = 1000;

/** The part of {@link Worker} that is used here. */
export interface MediaThread {
  on(event: "message", take: (report: WorkerReport) => void): unknown;
  on(event: "error", take: (error: Error) => void): unknown;
  on(event: "exit", take: () => void): unknown;
  postMessage(order: WorkerOrder, transfer: ArrayBuffer[]): void;
  terminate(): Promise<unknown>;
  ref(): void;
  unref(): void;
}

/** What a {@link MediaWorker} is made of. */
export interface MediaWorkerOptions {
  readonly clock: Clock;
  readonly port: Pick<RtcPort, "register" | "candidates">;
  readonly setup: WorkerSetup;
  /** Starts a thread; tests replace it. */
  readonly newThread?: (setup: WorkerSetup) => MediaThread;
  readonly log: Log;
  /** The thread has ended, by itself or by {@link MediaWorker.close}; its viewers are closed already. */
  readonly ended: (worker: MediaWorker) => void;
}

/** The thread ended before it answered an offer, so another thread may answer it. */
export class ThreadEnded extends Error {}

let viewersSoFar = 0;

/** Starts its thread at once. */
export class MediaWorker {
  readonly #options: MediaWorkerOptions;
  readonly #thread: MediaThread;
  readonly #heartbeat: Heartbeat;
  readonly #exited = Promise.withResolvers<void>();
  readonly #viewers = new Map<number, WorkerViewer>();
  readonly #frames = new FramesInFlight();
  #isReady = false;
  #hasEnded = false;
  counters: WorkerCounters = {
    packets: 0,
    repairs: 0,
    parity: 0,
    refusedRtcp: 0,
    refusedSctp: 0,
    refusedHandshakes: 0,
    dropped: 0,
  };

  constructor(options: MediaWorkerOptions) {
    this.#options = options;
    const { clock, newThread = startThread, setup } = options;
    this.#thread = newThread(setup);
    // The thread must not keep the process alive.
    this.#thread.unref();
    this.#thread.on("message", (report: WorkerReport) => this.#take(report));
    this.#thread.on("error", (error) =>
      options.log(`A worker thread failed: ${error.message}`, { level: "error" }),
    );
    this.#thread.on("exit", () => {
      this.#exited.resolve();
      this.#ended();
    });
    this.#heartbeat = new Heartbeat({
      clock,
      ask: () => this.#post({ kind: "beat" }),
      late: () => this.#frames.release(),
      hung: () => this.#hung(),
    });
  }

  /** Whether the thread has ever started. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Whether the thread does not respond now: it is busy, or hangs. */
  get isLate(): boolean {
    return this.#heartbeat.isLate;
  }

  /** Viewers that are admitted, or wait for it. */
  get viewers(): number {
    return this.#viewers.size;
  }

  /**
   * As {@link Audience.admit}.
   * @throws {ThreadEnded} if the thread ends before it answers; `events` are not called then.
   */
  async admit(audience: number, offer: string, events: ViewerEvents): Promise<Answered> {
    const { port } = this.#options;
    const number = ++viewersSoFar;
    const viewer = new WorkerViewer({
      number,
      audience,
      events,
      port,
      post: (order, transfer) => this.#post(order, transfer),
      forget: (gone) => this.#forget(gone),
    });
    this.#viewers.set(number, viewer);
    const { answer, codec } = await this.#ask(viewer, {
      kind: "admit",
      audience,
      viewer: number,
      offer,
      candidates: port.candidates(),
    });
    return {
      answer,
      viewer: {
        codec,
        restart: async (offer) => {
          const candidates = port.candidates();
          const restarted = await this.#ask(viewer, { kind: "restart", viewer: number, offer, candidates });
          return restarted.answer;
        },
        close: (reason) => this.#post({ kind: "close", viewer: number, reason }),
      },
    };
  }

  /**
   * Resolves when the worker's viewers have the frame. Resolves to undefined if none of them takes it, or the thread ends or
   * responds late: other workers' viewers do not wait for this one.
   */
  send(audience: number, frame: EncodedFrame): Promise<Sent | undefined> {
    const key = `${audience} ${renditionName(frame)}`;
    if (!this.#serves(audience, frame.codec) || !this.#frames.accepts(key, frame, this.isLate))
      return Promise.resolve(undefined);
    const sent = this.#frames.add(key);
    const data = copyOf(frame.data);
    this.#post({ kind: "frame", audience, frame: { ...frame, data } }, [data.buffer]);
    return sent;
  }

  /** Ends the thread after the orders before this one. */
  async close(): Promise<void> {
    if (this.#hasEnded) return;
    const { clock } = this.#options;
    this.#heartbeat.stop();
    this.#thread.ref();
    this.#post({ kind: "end" });
    const terminate = clock.after(END_TIMEOUT, () => void this.#thread.terminate());
    // A thread inside a system call cannot be terminated.
    const giveUp = clock.after(2 * END_TIMEOUT, () => this.#exited.resolve());
    await this.#exited.promise;
    terminate();
    giveUp();
    this.#thread.unref();
    this.#ended();
  }

  /** A sign of life. */
  #heard(): void {
    const wasLate = this.isLate;
    this.#heartbeat.heard();
    if (wasLate && this.#frames.hasInterrupted)
      for (const { codec, events } of this.#viewers.values()) if (codec) events.keyframeNeeded();
  }

  #hung(): void {
    const seconds = Math.round(this.#heartbeat.silence / 1000);
    this.#options.log(`A worker thread did not respond for ${seconds} seconds and was terminated.`, {
      level: "error",
    });
    void this.#thread.terminate();
    // Its exit event may come much later.
    this.#ended();
  }

  async #ask(viewer: WorkerViewer, order: Extract<WorkerOrder, { offer: string }>): Promise<WorkerAnswer> {
    if (this.#viewers.get(order.viewer) !== viewer) throw newGone();
    const reply = viewer.reply();
    this.#post(order);
    return reply;
  }

  #serves(audience: number, codec?: Codec): boolean {
    for (const viewer of this.#viewers.values())
      if (viewer.audience === audience && (codec === undefined || viewer.codec === codec)) return true;
    return false;
  }

  #take(report: WorkerReport): void {
    // A terminated thread's last reports may still arrive.
    if (this.#hasEnded) return;
    this.#heard();
    if (report.kind === "ready") this.#isReady = true;
    else if (report.kind === "beat") return;
    else if (report.kind === "log") this.#options.log(report.line, report.fields);
    else if (report.kind === "sent") this.#sent(report);
    else this.#viewers.get(report.viewer)?.take(report);
  }

  #sent({ audience, rendition, packets, at, counters }: Extract<WorkerReport, { kind: "sent" }>): void {
    this.counters = counters;
    this.#frames.sent(`${audience} ${rendition}`, { packets, at });
  }

  #forget(viewer: WorkerViewer): void {
    const { number, audience, codec } = viewer;
    this.#viewers.delete(number);
    const isUnanswered = this.#hasEnded && codec === undefined;
    viewer.close(isUnanswered ? new ThreadEnded("The thread has ended.") : newGone());
    if (!this.#serves(audience)) this.#post({ kind: "forget", audience });
  }

  #ended(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#heartbeat.stop();
    this.#frames.release();
    for (const viewer of [...this.#viewers.values()]) {
      this.#forget(viewer);
      if (viewer.codec) viewer.events.closed("failed");
    }
    this.#options.ended(this);
  }

  #post(order: WorkerOrder, transfer: ArrayBuffer[] = []): void {
    if (!this.#hasEnded) this.#thread.postMessage(order, transfer);
  }
}

function startThread(workerData: WorkerSetup): MediaThread {
  return new Worker(THREAD, { workerData, name: "rendercast media" });
}

function newGone(): OfferError {
  return new OfferError("not-watching", "The connection is closed.");
}
