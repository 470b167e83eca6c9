/** Counts the states of the picture file that were refused, and reports a fault that lasts. */

import type { EpochMs, Millis } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";

/** The reason why a state of the file was refused. */
export type Fault =
  | "empty"
  | "torn"
  | "not_jpeg"
  | "oversized"
  | "unreadable"
  /** The loop's flag says that the file is still being written. */
  | "writing";

/** Every write passes through bad states, so only a fault that lasts this long is reported. */
const REPORT_DELAY: Millis = 1000;

/** Interval between log lines about the same fault. */
const LOG_INTERVAL: Millis = 60_000;

/** Tracks the faults of one picture file. */
export class Faults {
  readonly #counts: Record<Fault, number> = {
    empty: 0,
    torn: 0,
    not_jpeg: 0,
    oversized: 0,
    unreadable: 0,
    writing: 0,
  };
  readonly #log: Log;
  readonly #tell: (sentence: string | undefined) => void;
  readonly #loggedAt = new Map<Fault, EpochMs>();
  /** The latest bad state of the file, and the faults already counted for it. */
  #state = "";
  readonly #counted = new Set<Fault>();
  #told: string | undefined;
  #bad: { readonly since: EpochMs; readonly fault: Fault; readonly sentence: string } | undefined;

  /** @param tell takes a sentence about a fault that lasts, and undefined when it is over. */
  constructor(log: Log, tell: (sentence: string | undefined) => void = () => {}) {
    this.#log = log;
    this.#tell = tell;
  }

  /** Refused states by fault. */
  get counts(): Readonly<Record<Fault, number>> {
    return this.#counts;
  }

  /** Notes a bad state of the file. It is counted once, even if it is seen again. `state` identifies it. */
  note(fault: Fault, state: string, now: EpochMs, sentence: string): void {
    if (state !== this.#state) this.#counted.clear();
    this.#state = state;
    if (!this.#counted.has(fault)) this.#counts[fault]++;
    this.#counted.add(fault);
    this.#bad = { since: this.#bad?.since ?? now, fault, sentence };
  }

  /** The file is good, or absent. */
  clear(): void {
    this.#bad = undefined;
    this.#tellOnce(undefined);
  }

  /** Reports the fault, once, if it has lasted for a while. */
  remind(now: EpochMs): void {
    if (!this.#bad || now - this.#bad.since < REPORT_DELAY) return;
    this.#tellOnce(this.#bad.sentence);
    const loggedAt = this.#loggedAt.get(this.#bad.fault);
    if (loggedAt !== undefined && (loggedAt >= this.#bad.since || now - loggedAt < LOG_INTERVAL)) return;
    this.#loggedAt.set(this.#bad.fault, now);
    this.#log(this.#bad.sentence, { level: "warn" });
  }

  #tellOnce(sentence: string | undefined): void {
    if (sentence === this.#told) return;
    this.#told = sentence;
    this.#tell(sentence);
  }
}
