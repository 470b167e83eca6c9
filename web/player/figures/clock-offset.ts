/** The offset between the server's clock and the page's, by Cristian's method. */

/** One question for the time. `sent` and `received` are the page's clock, `server` is the server's. */
export interface ClockSample {
  readonly sent: number;
  readonly server: number;
  readonly received: number;
}

/** What to add to the page's time to get the server's, and how far off that may be, in milliseconds. */
export interface Offset {
  readonly offset: number;
  readonly uncertainty: number;
}

const KEPT = 10;

/** Keeps the sample with the shortest round trip of the last few: its midpoint is the surest. */
export class ClockOffset {
  #offsets: Offset[] = [];

  add(sample: ClockSample): void {
    const roundTrip = sample.received - sample.sent;
    if (!(roundTrip >= 0)) return;
    const offset = sample.server - (sample.sent + sample.received) / 2;
    const added = { offset, uncertainty: roundTrip / 2 };
    // Two truthful samples of steady clocks always overlap. Where they do not, a clock has jumped
    // (a laptop slept): what was learnt before is worth nothing now.
    this.#offsets = this.#offsets.filter((old) => overlaps(old, added)).slice(1 - KEPT);
    this.#offsets.push(added);
  }

  /** The surest offset known; undefined before the first sample. */
  get best(): Offset | undefined {
    return this.#offsets.reduce<Offset | undefined>(
      (best, offset) => (best && best.uncertainty < offset.uncertainty ? best : offset),
      undefined,
    );
  }

  reset(): void {
    this.#offsets = [];
  }
}

/** With a millisecond to spare, for what browsers round off their clocks. */
function overlaps(a: Offset, b: Offset): boolean {
  return Math.abs(a.offset - b.offset) <= a.uncertainty + b.uncertainty + 1;
}
