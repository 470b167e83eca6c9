/** Detects a thread that hangs: a working thread answers every beat. */
import type { Cancel, Clock, Millis } from "../../base/clock.ts";

/** Between two beats. */
const BEAT_INTERVAL: Millis = 500;

/** After this many unanswered beats the thread is late, and gets no more frames or viewers. */
const LATE_BEATS = 2;

/** After this many the thread hangs: no busy machine keeps a thread off its cores for so long. */
const HUNG_BEATS = 16;

/** The same limits before the first answer: loading modules takes long on a busy machine. */
const STARTUP_LATE_BEATS = 10;
const STARTUP_HUNG_BEATS = 60;

/** What a heartbeat asks and reports. */
export interface HeartbeatOptions {
  readonly clock: Clock;
  /** Asks the thread for an answer. */
  readonly ask: () => void;
  /** The thread is late. Called again only after it answered. */
  readonly late: () => void;
  /** The thread hangs; the last call. */
  readonly hung: () => void;
}

/**
 * Counts beats, not time: there are none while the machine sleeps. A delayed beat does not count, because whatever delayed
 * this thread delayed the other too.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #stop: Cancel;
  #beatAt: number;
  #missed = 0;
  #isStarted = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#beatAt = options.clock.now();
    this.#stop = options.clock.every(BEAT_INTERVAL, () => this.#beat());
  }

  /** Whether the thread does not answer now. */
  get isLate(): boolean {
    return this.#missed >= (this.#isStarted ? LATE_BEATS : STARTUP_LATE_BEATS);
  }

  /** About how long the thread has been silent. */
  get silence(): Millis {
    return this.#missed * BEAT_INTERVAL;
  }

  /** The thread answered, or sent anything else. */
  heard(): void {
    this.#isStarted = true;
    this.#missed = 0;
  }

  /** Ends the beats. */
  stop(): void {
    this.#stop();
  }

  #beat(): void {
    const { clock, ask, late, hung } = this.#options;
    const now = clock.now();
    const wasDelayed = now - this.#beatAt > 2 * BEAT_INTERVAL;
    this.#beatAt = now;
    const wasLate = this.isLate;
    if (!wasDelayed) this.#missed++;
    ask();
    if (this.isLate && !wasLate) late();
    if (this.#missed < (this.#isStarted ? HUNG_BEATS : STARTUP_HUNG_BEATS)) return;
    this.#stop();
    hung();
  }
}
