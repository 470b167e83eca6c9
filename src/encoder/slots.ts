/** Places at what all streams share: none has more than its share of them, however long its pictures take. */
import type { Cancel, Clock, EpochMs, Millis } from "../timing.ts";

/** For how long it counts what a stream has used. */
const MEMORY: Millis = 5000;

/** The last place is for streams that use less than so much of an equal share of the others. */
const MODEST = 0.7;

/** A place is held undisturbed for so long while others wait that have used less. */
const MAX_HOLD: Millis = 1000;

/** How often the places are looked at while somebody waits. */
const LOOK_EACH: Millis = 100;

/**
 * Ends the holding of a place; called again it does nothing.
 * @param took what of the time was work, where that is known: waiting for the machine's cores is nobody's use.
 */
export type End = (took?: Millis) => void;

/** The time that one stream has held places lately. */
export class Use {
  readonly clock: Clock;
  /** When each place that it holds was taken. */
  readonly #held = new Set<{ readonly since: EpochMs }>();
  /** As though it had held a place always: that it needs little shows within seconds. */
  #past: Millis = MEMORY;
  #pastAt: EpochMs;

  constructor(clock: Clock) {
    this.clock = clock;
    this.#pastAt = clock.now();
  }

  /** With what it holds now; what is past fades. */
  get recent(): Millis {
    const now = this.clock.now();
    return [...this.#held].reduce((sum, { since }) => sum + now - since, this.#faded(now));
  }

  /** Begins to hold a place; the function that it returns ends that, once. */
  begin(): End {
    const place = { since: this.clock.now() };
    this.#held.add(place);
    return (took = Number.POSITIVE_INFINITY) => {
      if (!this.#held.delete(place)) return;
      const now = this.clock.now();
      this.#past = this.#faded(now) + Math.min(took, now - place.since);
      this.#pastAt = now;
    };
  }

  #faded(now: EpochMs): Millis {
    return this.#past * Math.exp((this.#pastAt - now) / MEMORY);
  }
}

interface Held {
  readonly use: Use;
  readonly since: EpochMs;
  evict: (() => void) | undefined;
}

interface Waiting {
  readonly use: Use;
  readonly evict: (() => void) | undefined;
  readonly go: (end: End) => void;
}

/** A number of places. Of those that wait the stream that has used least lately goes first. */
export class Slots {
  readonly #count: number;
  readonly #held = new Set<Held>();
  readonly #waiting: Waiting[] = [];
  #stopLooking: Cancel | undefined;

  /** @param count how many at once, at least 2. */
  constructor(count: number) {
    this.#count = count;
  }

  /**
   * Waits for a place.
   * @param evict asks the holder to end soon: called once at most, for one that waits and has used less.
   * @returns gives the place back.
   */
  async take(use: Use, evict?: () => void): Promise<End> {
    if (this.#mayGo(use)) return this.#hold(use, evict);
    return new Promise((go) => {
      this.#waiting.push({ use, evict, go });
      this.#stopLooking ??= use.clock.every(LOOK_EACH, () => this.#look());
    });
  }

  /** Whether there is a place for it: slow streams, however many, have no more than all but the last. */
  #mayGo(use: Use): boolean {
    const free = this.#count - this.#held.size;
    if (free !== 1) return free > 1;
    const streams = new Set([use, ...[...this.#held, ...this.#waiting].map((one) => one.use)]);
    return use.recent <= (MODEST * MEMORY * (this.#count - 1)) / streams.size;
  }

  #hold(use: Use, evict: (() => void) | undefined): End {
    const held: Held = { use, since: use.clock.now(), evict };
    this.#held.add(held);
    const end = use.begin();
    return (took) => {
      if (!this.#held.delete(held)) return;
      end(took);
      this.#pass();
    };
  }

  #pass(): void {
    for (let next = least(this.#waiting); next && this.#mayGo(next.use); next = least(this.#waiting)) {
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      next.go(this.#hold(next.use, next.evict));
    }
    if (this.#waiting.length > 0) return;
    this.#stopLooking?.();
    this.#stopLooking = undefined;
  }

  #look(): void {
    const next = least(this.#waiting);
    if (!next) return;
    const { recent } = next.use;
    const longest = [...this.#held]
      .filter(({ use, since, evict }) => evict && use.clock.now() - since >= MAX_HOLD && use.recent > recent)
      .sort((one, other) => other.use.recent - one.use.recent)[0];
    longest?.evict?.();
    if (longest) longest.evict = undefined;
  }
}

/** The first of those that have used least. */
function least(waiting: readonly Waiting[]): Waiting | undefined {
  return waiting.reduce<Waiting | undefined>(
    (best, one) => (best && best.use.recent <= one.use.recent ? best : one),
    undefined,
  );
}
