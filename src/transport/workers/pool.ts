/** The media workers: started as viewers come, each viewer given to the one that has the fewest, replaced when they die. */
import type { EncodedFrame } from "../../frame.ts";
import type { Answered, Audience, Sent, ViewerEvents } from "../viewer.ts";
import { MediaWorker, type MediaWorkerOptions } from "./media-worker.ts";
import type { WorkerCounters } from "./messages.ts";

/** Viewers that a worker has before another is started. */
const FILLS_AT = 16;

export interface WorkerPoolOptions extends Omit<MediaWorkerOptions, "ended"> {
  /** Workers at most; at least 1. */
  readonly most: number;
}

export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #workers = new Set<MediaWorker>();
  readonly #past = { packets: 0, repairs: 0, refusedRtcp: 0, refusedSctp: 0, dropped: 0 };
  #audiences = 0;
  /** None can run here. */
  #failed = false;
  #closed = false;

  /** The first starts at once, to be there when a viewer comes. */
  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#start();
  }

  /** @param local has the viewers where no worker can run. */
  audience(local: Audience): Audience {
    const audience = ++this.#audiences;
    return {
      admit: (offer, events) => this.#admit(audience, local, offer, events),
      send: (frame) => this.#send(audience, local, frame),
    };
  }

  counters(): WorkerCounters {
    const sum = { ...this.#past };
    for (const { counters } of this.#workers) add(sum, counters);
    return sum;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#workers].map((worker) => worker.close()));
  }

  async #admit(audience: number, local: Audience, offer: string, events: ViewerEvents): Promise<Answered> {
    const worker = this.#choose();
    if (!worker) return local.admit(offer, events);
    return worker.admit(audience, offer, events);
  }

  async #send(audience: number, local: Audience, frame: EncodedFrame): Promise<Sent> {
    const sending = [...this.#workers].map((worker) => worker.send(audience, frame));
    const all = await Promise.all(this.#failed ? [...sending, local.send(frame)] : sending);
    const sent = all.filter((one) => one !== undefined);
    const none: Sent = { packets: 0, at: this.#options.clock.now() };
    return sent.reduce((last, one) => (one.at >= last.at ? one : last), sent[0] ?? none);
  }

  #choose(): MediaWorker | undefined {
    if (this.#failed || this.#closed) return undefined;
    const [first = this.#start(), ...others] = this.#workers;
    const least = others.reduce((one, other) => (other.viewers < one.viewers ? other : one), first);
    return least.viewers >= FILLS_AT && this.#workers.size < this.#options.most ? this.#start() : least;
  }

  #start(): MediaWorker {
    const worker = new MediaWorker({ ...this.#options, ended: (ended) => this.#ended(ended) });
    this.#workers.add(worker);
    return worker;
  }

  #ended(worker: MediaWorker): void {
    this.#workers.delete(worker);
    add(this.#past, worker.counters);
    if (this.#closed) return;
    const { log } = this.#options;
    if (worker.isReady)
      log("A thread that sends video has ended; another takes its viewers when they are back.");
    else {
      this.#failed = true;
      log("Video is sent by the main thread: no other can do it here.");
    }
  }
}

function add(sum: { -readonly [K in keyof WorkerCounters]: number }, counters: WorkerCounters): void {
  for (const key of Object.keys(sum) as (keyof WorkerCounters)[]) sum[key] += counters[key];
}
