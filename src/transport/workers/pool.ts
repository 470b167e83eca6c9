/**
 * The media workers: started as viewers come, each viewer given to the one that has the fewest, replaced when they die or
 * hang. While none can run, the main thread has the viewers that come.
 */

import type { Cancel, EpochMs, Millis } from "../../base/clock.ts";
import type { EncodedFrame } from "../../media/frame.ts";
import type { Answered, Audience, Sent, ViewerEvents } from "../audience/viewer.ts";
import { MediaWorker, type MediaWorkerOptions, ThreadEnded } from "./media-worker.ts";
import type { WorkerCounters } from "./messages.ts";

/** Viewers that a worker has before another is started. */
const FILLS_AT = 16;

/** The first wait after a failure, and the longest. */
const RETRY_AFTER: Millis = 1000;
const MAX_RETRY_AFTER: Millis = 300_000;

/** What ran for so long has worked: when it ends, that is the first failure again. */
const WORKED_AFTER: Millis = 60_000;

export interface WorkerPoolOptions extends Omit<MediaWorkerOptions, "ended"> {
  /** Workers at most; at least 1. */
  readonly most: number;
}

export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #workers = new Set<MediaWorker>();
  readonly #past = {
    packets: 0,
    repairs: 0,
    refusedRtcp: 0,
    refusedSctp: 0,
    refusedHandshakes: 0,
    dropped: 0,
  };
  #audiences = 0;
  /** In a row. */
  #failures = 0;
  #startedAt: EpochMs;
  /** Until then none is started. */
  #stopWaiting: Cancel | undefined;
  #closed = false;

  /** The first starts at once, to be there when a viewer comes. */
  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#start();
  }

  /** @param local has the viewers that come while no worker can run. */
  audience(local: Audience): Audience {
    const audience = ++this.#audiences;
    const here = new Here(local);
    return {
      admit: (offer, events) => this.#admit(audience, here, offer, events),
      send: (frame) => this.#send(audience, here, frame),
    };
  }

  counters(): WorkerCounters {
    const sum = { ...this.#past };
    for (const { counters } of this.#workers) add(sum, counters);
    return sum;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopWaiting?.();
    await Promise.all([...this.#workers].map((worker) => worker.close()));
  }

  async #admit(audience: number, here: Here, offer: string, events: ViewerEvents): Promise<Answered> {
    const worker = this.#choose();
    if (!worker) return here.admit(offer, events);
    try {
      return await worker.admit(audience, offer, events);
    } catch (error) {
      if (!(error instanceof ThreadEnded) || this.#closed) throw error;
      return here.admit(offer, events);
    }
  }

  async #send(audience: number, here: Here, frame: EncodedFrame): Promise<Sent> {
    const sending = [...this.#workers].map((worker) => worker.send(audience, frame));
    const all = await Promise.all(here.viewers > 0 ? [...sending, here.send(frame)] : sending);
    const sent = all.filter((one) => one !== undefined);
    const none: Sent = { packets: 0, at: this.#options.clock.now() };
    return sent.reduce((last, one) => (one.at >= last.at ? one : last), sent[0] ?? none);
  }

  /** Undefined where the main thread is the better choice. */
  #choose(): MediaWorker | undefined {
    if (this.#closed) return undefined;
    const [first, ...others] = [...this.#workers].filter(({ isLate }) => !isLate);
    const least = first && others.reduce((one, other) => (other.viewers < one.viewers ? other : one), first);
    const mayStart = !this.#stopWaiting && this.#workers.size < this.#options.most;
    return mayStart && (least === undefined || least.viewers >= FILLS_AT) ? this.#start() : least;
  }

  #start(): MediaWorker {
    this.#startedAt = this.#options.clock.now();
    const worker = new MediaWorker({ ...this.#options, ended: (ended) => this.#ended(ended) });
    this.#workers.add(worker);
    return worker;
  }

  #ended(worker: MediaWorker): void {
    this.#workers.delete(worker);
    add(this.#past, worker.counters);
    if (this.#closed) return;
    const { clock, log } = this.#options;
    if (clock.now() - this.#startedAt > WORKED_AFTER) this.#failures = 0;
    if (worker.isReady) log("A worker thread ended; its viewers will reconnect.");
    else if (this.#workers.size === 0 && this.#failures === 0)
      log("No worker thread can start now; the main thread sends the video.");
    this.#replace(worker.isReady && this.#failures === 0 ? 0 : RETRY_AFTER * 2 ** this.#failures);
  }

  #replace(after: Millis): void {
    this.#failures++;
    this.#stopWaiting?.();
    this.#stopWaiting = undefined;
    if (after === 0) this.#start();
    else
      this.#stopWaiting = this.#options.clock.after(Math.min(after, MAX_RETRY_AFTER), () => {
        this.#stopWaiting = undefined;
        this.#start();
      });
  }
}

/** An audience in the main thread, and how many it has. */
class Here {
  readonly #audience: Audience;
  viewers = 0;

  constructor(audience: Audience) {
    this.#audience = audience;
  }

  async admit(offer: string, events: ViewerEvents): Promise<Answered> {
    let isHere = true;
    const gone = () => {
      if (isHere) this.viewers--;
      isHere = false;
    };
    this.viewers++;
    try {
      return await this.#audience.admit(offer, {
        ...events,
        closed: (reason) => {
          gone();
          events.closed(reason);
        },
      });
    } catch (error) {
      gone();
      throw error;
    }
  }

  send(frame: EncodedFrame): Promise<Sent> {
    return this.#audience.send(frame);
  }
}

function add(sum: { -readonly [K in keyof WorkerCounters]: number }, counters: WorkerCounters): void {
  for (const key of Object.keys(sum) as (keyof WorkerCounters)[]) sum[key] += counters[key];
}
