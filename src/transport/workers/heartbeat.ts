/** Tells a thread that hangs from one that works: one that works gives the sign of life that it is asked for. */
import type { Cancel, Clock, Millis } from "../../base/clock.ts";

const BEAT: Millis = 500;

/** Beats without an answer, from which on nothing more is given to it. */
const LATE = 2;

/** And from which on it is given up: no machine is so busy as to keep a thread off its cores for that long. */
const HUNG = 16;

/** Before it first answers it loads its modules, which takes a busy machine a while. */
const LATE_TO_START = 10;
const NOT_STARTED = 60;

export interface HeartbeatOptions {
  readonly clock: Clock;
  /** Asks for a sign of life. */
  readonly ask: () => void;
  /** Not heard of for a second: called once, until it is heard again. */
  readonly late: () => void;
  /** Not heard of for {@link Heartbeat.silence}; called once. */
  readonly hung: () => void;
}

/**
 * Counts beats, not time: while the machine sleeps, or this thread is held up itself, there are none. One that comes late
 * does not count, as what held it up has held up the other as well.
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
    this.#stop = options.clock.every(BEAT, () => this.#beat());
  }

  /** Whether it is not heard of just now. */
  get isLate(): boolean {
    return this.#missed >= (this.#isStarted ? LATE : LATE_TO_START);
  }

  /** For how long it has been silent, about. */
  get silence(): Millis {
    return this.#missed * BEAT;
  }

  /** A sign of life. */
  heard(): void {
    this.#isStarted = true;
    this.#missed = 0;
  }

  stop(): void {
    this.#stop();
  }

  #beat(): void {
    const { clock, ask, late, hung } = this.#options;
    const now = clock.now();
    const wasHeldUp = now - this.#beatAt > 2 * BEAT;
    this.#beatAt = now;
    const wasLate = this.isLate;
    if (!wasHeldUp) this.#missed++;
    ask();
    if (this.isLate && !wasLate) late();
    if (this.#missed < (this.#isStarted ? HUNG : NOT_STARTED)) return;
    this.#stop();
    hung();
  }
}
