/**
 * Worker threads for sending, so that more than one core can serve viewers. The pool starts workers as viewers join, gives
 * each viewer to the worker with the fewest, and replaces workers that die or hang. While none can run, the main thread
 * takes new viewers.
 */

import type { Cancel, EpochMs, Millis } from "../../base/clock.ts";
import type { EncodedFrame } from "../../media/frame.ts";
import type { Answered, Audience, Sent, ViewerEvents } from "../audience/viewer.ts";
import { MediaWorker, type MediaWorkerOptions, ThreadEnded } from "./media-worker.ts";
import type { WorkerCounters } from "./messages.ts";

/** Viewers per worker before another one is started. */
const VIEWERS_PER_WORKER = 16;

/** The back-off after a failure: the first delay, doubled up to the longest. */
const RETRY_DELAY: Millis = 1000;
const MAX_RETRY_DELAY: Millis = 300_000;

/** A worker that ran for this long resets the back-off. */
const STABLE_TIME: Millis = 60_000;

/** What a pool is made of. */
export interface WorkerPoolOptions extends Omit<MediaWorkerOptions, "ended"> {
  /** At least 1. */
  readonly maxWorkers: number;
}

/** Starts the first worker at once, so that it is ready for the first viewer. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #workers = new Set<MediaWorker>();
  /** The counters of workers that ended. */
  readonly #past = {
    packets: 0,
    repairs: 0,
    parity: 0,
    refusedRtcp: 0,
    refusedSctp: 0,
    refusedHandshakes: 0,
    dropped: 0,
  };
  #audiences = 0;
  /** Consecutive failures. */
  #failures = 0;
  #startedAt: EpochMs;
  /** Set during the back-off: no worker is started. */
  #stopWaiting: Cancel | undefined;
  #closed = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#start();
  }

  /**
   * Makes the audience of a broadcast.
   * @param local takes viewers while no worker can run.
   */
  audience(local: Audience): Audience {
    const audience = ++this.#audiences;
    const here = new MainThreadAudience(local);
    return {
      admit: (offer, events) => this.#admit(audience, here, offer, events),
      send: (frame) => this.#send(audience, here, frame),
    };
  }

  /** The sum over all workers since the start. */
  counters(): WorkerCounters {
    const sum = { ...this.#past };
    for (const { counters } of this.#workers) add(sum, counters);
    return sum;
  }

  /** Ends all workers. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopWaiting?.();
    await Promise.all([...this.#workers].map((worker) => worker.close()));
  }

  async #admit(
    audience: number,
    here: MainThreadAudience,
    offer: string,
    events: ViewerEvents,
  ): Promise<Answered> {
    const worker = this.#choose();
    if (!worker) return here.admit(offer, events);
    try {
      return await worker.admit(audience, offer, events);
    } catch (error) {
      if (!(error instanceof ThreadEnded) || this.#closed) throw error;
      return here.admit(offer, events);
    }
  }

  async #send(audience: number, here: MainThreadAudience, frame: EncodedFrame): Promise<Sent> {
    const sending = [...this.#workers].map((worker) => worker.send(audience, frame));
    const all = await Promise.all(here.viewers > 0 ? [...sending, here.send(frame)] : sending);
    const sent = all.filter((one) => one !== undefined);
    const none: Sent = { packets: 0, at: this.#options.clock.now() };
    return sent.reduce((last, one) => (one.at >= last.at ? one : last), sent[0] ?? none);
  }

  /** The worker for the next viewer; undefined for the main thread. */
  #choose(): MediaWorker | undefined {
    if (this.#closed) return undefined;
    const [first, ...others] = [...this.#workers].filter(({ isLate }) => !isLate);
    const least = first && others.reduce((one, other) => (other.viewers < one.viewers ? other : one), first);
    const mayStart = !this.#stopWaiting && this.#workers.size < this.#options.maxWorkers;
    return mayStart && (least === undefined || least.viewers >= VIEWERS_PER_WORKER) ? this.#start() : least;
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
    if (clock.now() - this.#startedAt > STABLE_TIME) this.#failures = 0;
    if (worker.isReady) log("A worker thread ended; its viewers will reconnect.", { level: "warn" });
    else if (this.#workers.size === 0 && this.#failures === 0)
      log("No worker thread can start now; the main thread sends the video.", { level: "warn" });
    this.#replace(worker.isReady && this.#failures === 0 ? 0 : RETRY_DELAY * 2 ** this.#failures);
  }

  #replace(after: Millis): void {
    this.#failures++;
    this.#stopWaiting?.();
    this.#stopWaiting = undefined;
    if (after === 0) this.#start();
    else
      this.#stopWaiting = this.#options.clock.after(Math.min(after, MAX_RETRY_DELAY), () => {
        this.#stopWaiting = undefined;
        this.#start();
      });
  }
}

/** An audience in the main thread that counts its viewers. */
class MainThreadAudience {
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
