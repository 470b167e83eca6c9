/** Finds for each frame on the screen what the server told about it, and sums up the latencies. */
import type { FrameReport } from "../../../src/signaling/protocol.ts";
import type { Shown } from "./frame.ts";

/** A frame on the screen and its way through the server. */
export interface Match {
  readonly report: FrameReport;
  readonly shown: Shown;
}

/** Brings the two halves together by RTP timestamp, whichever of them comes first. Both wait boundedly. */
export class FrameMatcher {
  readonly #capacity: number;
  readonly #reports = new Map<number, FrameReport>();
  readonly #shown = new Map<number, Shown>();

  /** `capacity` is how many unmatched frames of either half are kept. */
  constructor(capacity = 256) {
    this.#capacity = capacity;
  }

  /** The server told of a frame. Returns the match if it was shown already. */
  reported(report: FrameReport): Match | undefined {
    const key = report.rtpTimestamp >>> 0;
    const shown = this.#shown.get(key);
    if (!shown) {
      keep(this.#reports, key, report, this.#capacity);
      return undefined;
    }
    this.#shown.delete(key);
    return { report, shown };
  }

  /** The screen shows a frame. Returns the match if the server told of it already. */
  shown(rtpTimestamp: number, shown: Shown): Match | undefined {
    const key = rtpTimestamp >>> 0;
    const report = this.#reports.get(key);
    if (!report) {
      keep(this.#shown, key, shown, this.#capacity);
      return undefined;
    }
    this.#reports.delete(key);
    return { report, shown };
  }

  clear(): void {
    this.#reports.clear();
    this.#shown.clear();
  }
}

/** The values of the last `period` milliseconds. */
export class RollingWindow {
  readonly #period: number;
  #entries: { readonly at: number; readonly value: number }[] = [];

  constructor(period: number) {
    this.#period = period;
  }

  add(at: number, value: number): void {
    this.#entries.push({ at, value });
    this.#forget(at);
  }

  /** The value below which the given share (0 to 1) of the values lies; undefined where there are none. */
  quantile(now: number, share: number): number | undefined {
    this.#forget(now);
    const sorted = this.#entries.map((entry) => entry.value).sort((a, b) => a - b);
    const at = (sorted.length - 1) * share;
    const low = sorted[Math.floor(at)];
    const high = sorted[Math.ceil(at)];
    return low === undefined || high === undefined ? undefined : low + (high - low) * (at % 1);
  }

  median(now: number): number | undefined {
    return this.quantile(now, 0.5);
  }

  last(now: number): number | undefined {
    this.#forget(now);
    return this.#entries.at(-1)?.value;
  }

  clear(): void {
    this.#entries = [];
  }

  #forget(now: number): void {
    const first = this.#entries.findIndex((entry) => entry.at > now - this.#period);
    this.#entries = first < 0 ? [] : first > 0 ? this.#entries.slice(first) : this.#entries;
  }
}

function keep<V>(map: Map<number, V>, key: number, value: V, capacity: number): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next().value;
  if (map.size > capacity && oldest !== undefined) map.delete(oldest);
}
