/** The offset between the server's clock and the page's, by Cristian's method. */

/** One exchange: `sent` and `received` are on the page's clock, `server` on the server's, all in milliseconds. */
export interface ClockSample {
  readonly sent: number;
  readonly server: number;
  readonly received: number;
}

/** What to add to the page's time to get the server's time, and its error bound, in milliseconds. */
export interface Offset {
  readonly offset: number;
  readonly uncertainty: number;
}

const MAX_SAMPLES = 10;

/** Uses the sample with the shortest round trip of the last few: its midpoint has the smallest error. */
export class ClockOffset {
  #offsets: Offset[] = [];

  /** Takes a sample; one with a negative round trip is ignored. */
  add(sample: ClockSample): void {
    const roundTrip = sample.received - sample.sent;
    if (!(roundTrip >= 0)) return;
    const offset = sample.server - (sample.sent + sample.received) / 2;
    const added = { offset, uncertainty: roundTrip / 2 };
    // Samples of steady clocks always overlap. If two do not, a clock has jumped (a laptop slept), and the older sample
    // is invalid.
    this.#offsets = this.#offsets.filter((old) => overlaps(old, added)).slice(1 - MAX_SAMPLES);
    this.#offsets.push(added);
  }

  /** The offset with the smallest error; undefined before the first sample. */
  get best(): Offset | undefined {
    return this.#offsets.reduce<Offset | undefined>(
      (best, offset) => (best && best.uncertainty < offset.uncertainty ? best : offset),
      undefined,
    );
  }

  /** Forgets all samples. */
  reset(): void {
    this.#offsets = [];
  }
}

/** Browsers round their clocks by up to a millisecond. */
function overlaps(a: Offset, b: Offset): boolean {
  return Math.abs(a.offset - b.offset) <= a.uncertainty + b.uncertainty + 1;
}
