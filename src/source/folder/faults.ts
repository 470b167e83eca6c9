/** Counts the states of the picture file that were not taken, and speaks up if it does not get better. */
import type { EpochMs, Millis } from "../../base/clock.ts";

/** Why a state of the file was not taken. */
export type Fault =
  | "empty"
  | "torn"
  | "not_jpeg"
  | "oversized"
  | "unreadable"
  /** The loop's own flag says that it is still being written. */
  | "writing";

/** Bad states pass by in every write, so only a file that stays bad this long is worth a line. */
const PATIENCE: Millis = 1000;

/** A fault that comes and goes is not logged more often. */
const REPEAT: Millis = 60_000;

/** The faults of one picture file. */
export class Faults {
  readonly #counts: Record<Fault, number> = {
    empty: 0,
    torn: 0,
    not_jpeg: 0,
    oversized: 0,
    unreadable: 0,
    writing: 0,
  };
  readonly #log: (line: string) => void;
  readonly #tell: (sentence: string | undefined) => void;
  readonly #loggedAt = new Map<Fault, EpochMs>();
  /** The file's state, and what has been counted of it. */
  #state = "";
  readonly #counted = new Set<Fault>();
  #told: string | undefined;
  #bad: { readonly since: EpochMs; readonly fault: Fault; readonly sentence: string } | undefined;

  /** @param tell takes the fault that lasts, once, and undefined when it is over. */
  constructor(log: (line: string) => void, tell: (sentence: string | undefined) => void = () => {}) {
    this.#log = log;
    this.#tell = tell;
  }

  get counts(): Readonly<Record<Fault, number>> {
    return this.#counts;
  }

  /** A bad state of the file was seen: counted once, however often it is seen. */
  note(fault: Fault, state: string, now: EpochMs, sentence: string): void {
    if (state !== this.#state) this.#counted.clear();
    this.#state = state;
    if (!this.#counted.has(fault)) this.#counts[fault]++;
    this.#counted.add(fault);
    this.#bad = { since: this.#bad?.since ?? now, fault, sentence };
  }

  /** The file is good, or gone. */
  clear(): void {
    this.#bad = undefined;
    this.#tellOnce(undefined);
  }

  /** Logs and tells the fault, once, if the file has not been good for a while. */
  remind(now: EpochMs): void {
    if (!this.#bad || now - this.#bad.since < PATIENCE) return;
    this.#tellOnce(this.#bad.sentence);
    const loggedAt = this.#loggedAt.get(this.#bad.fault);
    if (loggedAt !== undefined && (loggedAt >= this.#bad.since || now - loggedAt < REPEAT)) return;
    this.#loggedAt.set(this.#bad.fault, now);
    this.#log(this.#bad.sentence);
  }

  #tellOnce(sentence: string | undefined): void {
    if (sentence === this.#told) return;
    this.#told = sentence;
    this.#tell(sentence);
  }
}
