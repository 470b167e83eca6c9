/** Slots that all streams share fairly: slow pictures of one stream do not starve the others. */
import type { Cancel, EpochMs, Millis } from "../../base/clock.ts";
import { type Release, type StreamUsage, USAGE_DECAY } from "./stream-usage.ts";

/** The last free slot is for streams that use less than this part of an equal share of the other slots. */
const LIGHT_SHARE = 0.7;

/** A stream may hold a slot this long before a waiting stream with less usage evicts it. */
const MIN_HOLD: Millis = 1000;

/** Interval of the checks for evictions while a stream waits. */
const EVICTION_CHECK_INTERVAL: Millis = 100;

interface Held {
  readonly usage: StreamUsage;
  readonly since: EpochMs;
  evict: (() => void) | undefined;
}

interface Waiting {
  readonly usage: StreamUsage;
  readonly evict: (() => void) | undefined;
  readonly grant: (release: Release) => void;
}

/** A fixed number of slots. The waiting stream with the least recent usage is served first. */
export class FairSlots {
  readonly #count: number;
  readonly #held = new Set<Held>();
  readonly #waiting: Waiting[] = [];
  #stopChecks: Cancel | undefined;

  /** @param count number of slots, at least 2. */
  constructor(count: number) {
    this.#count = count;
  }

  /**
   * Waits for a slot.
   * @param evict asks the holder to release soon; called at most once, if a stream with less usage waits.
   * @returns releases the slot; further calls do nothing.
   */
  async take(usage: StreamUsage, evict?: () => void): Promise<Release> {
    if (this.#isFreeFor(usage)) return this.#hold(usage, evict);
    return new Promise((grant) => {
      this.#waiting.push({ usage, evict, grant });
      this.#stopChecks ??= usage.clock.every(EVICTION_CHECK_INTERVAL, () => this.#evictHeaviest());
    });
  }

  /** Heavy streams together take at most all slots but one. */
  #isFreeFor(usage: StreamUsage): boolean {
    const free = this.#count - this.#held.size;
    if (free !== 1) return free > 1;
    const streams = new Set([usage, ...[...this.#held, ...this.#waiting].map((one) => one.usage)]);
    return usage.recent <= (LIGHT_SHARE * USAGE_DECAY * (this.#count - 1)) / streams.size;
  }

  #hold(usage: StreamUsage, evict: (() => void) | undefined): Release {
    const held: Held = { usage, since: usage.clock.now(), evict };
    this.#held.add(held);
    const end = usage.begin();
    return (worked) => {
      if (!this.#held.delete(held)) return;
      end(worked);
      this.#serveWaiting();
    };
  }

  #serveWaiting(): void {
    for (
      let next = lightest(this.#waiting);
      next && this.#isFreeFor(next.usage);
      next = lightest(this.#waiting)
    ) {
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      next.grant(this.#hold(next.usage, next.evict));
    }
    if (this.#waiting.length > 0) return;
    this.#stopChecks?.();
    this.#stopChecks = undefined;
  }

  #evictHeaviest(): void {
    const next = lightest(this.#waiting);
    if (!next) return;
    const { recent } = next.usage;
    const heaviest = [...this.#held]
      .filter(
        ({ usage, since, evict }) => evict && usage.clock.now() - since >= MIN_HOLD && usage.recent > recent,
      )
      .sort((one, other) => other.usage.recent - one.usage.recent)[0];
    heaviest?.evict?.();
    if (heaviest) heaviest.evict = undefined;
  }
}

/** The stream with the least recent usage; the first of equals. */
function lightest(waiting: readonly Waiting[]): Waiting | undefined {
  return waiting.reduce<Waiting | undefined>(
    (best, one) => (best && best.usage.recent <= one.usage.recent ? best : one),
    undefined,
  );
}
