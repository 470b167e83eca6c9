/** The recent frames of one lane, and its figures. Times are milliseconds on the page's clock. */
import { quantile } from "../player/figures/rolling-window.ts";
import { STAGES } from "../player/figures/stages.ts";
import type { LabStage, LabStageKey, Sample } from "./sample.ts";

/** Period of the figures. */
export const FIGURES_PERIOD_MS = 10_000;
/** Period of the plot. */
export const PLOT_PERIOD_MS = 20_000;
/** Two minutes at 60 frames per second: more than any period or recording needs. */
const MAX_FRAMES = 7200;
/** A picture that stands still for longer is a freeze, at usual frame rates. */
const MIN_FREEZE_MS = 200;

/** The figures of a lane over a period. Latencies and stages are in milliseconds. */
export interface Figures {
  /** Number of timed frames. */
  readonly timed: number;
  /** Latency of the newest frame; undefined like `median` and `p95` if none was timed. */
  readonly now: number | undefined;
  readonly median: number | undefined;
  readonly p95: number | undefined;
  /** Median of each stage. */
  readonly stages: readonly LabStage[];
  /** Frames per second on the screen; undefined during the first second. */
  readonly fps: number | undefined;
  /** Source frames that the lane did not show. */
  readonly missed: number;
  readonly freezes: number;
}

/** A period without a new picture although one was due. */
export interface Freeze {
  readonly from: number;
  readonly to: number;
}

/**
 * Shortest freeze in milliseconds: 200, or two intervals of a slower source.
 * @param fps frame rate of the source; undefined if it is not known.
 */
export function minFreeze(fps: number | undefined): number {
  return Math.max(MIN_FREEZE_MS, fps ? 2000 / fps : 0);
}

/** The recent frames of one lane, of bounded number. */
export class LaneLog {
  /** Shortest freeze, from {@link minFreeze}. */
  minFreeze: number;
  readonly #period: number;
  #samples: Sample[] = [];
  /** Times at which a new picture came onto the screen, timed or not. */
  #shown: number[] = [];
  #freezes: Freeze[] = [];
  /** Whether a next picture is due. */
  #due = false;

  /** @param period how long frames are kept, in milliseconds. */
  constructor(period: number = PLOT_PERIOD_MS, minFreeze: number = MIN_FREEZE_MS) {
    this.#period = period;
    this.minFreeze = minFreeze;
  }

  /** The timed frames, in the order in which they were shown. */
  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** A new picture is on the screen; it may be unknown which. */
  shown(at: number): void {
    const last = this.#shown.at(-1);
    if (this.#due && last !== undefined && at - last > this.minFreeze)
      this.#freezes.push({ from: last, to: at });
    this.#due = true;
    this.#shown.push(at);
    this.#forget(at);
  }

  /** A frame on the screen has been timed, possibly after the next one was shown. */
  add(sample: Sample): void {
    let at = this.#samples.length;
    while (at > 0 && (this.#samples[at - 1]?.shownAt ?? 0) > sample.shownAt) at--;
    this.#samples.splice(at, 0, sample);
    this.#forget(this.#samples.at(-1)?.shownAt ?? sample.shownAt);
  }

  /** No picture is due until the next one: the page is hidden, or the source is idle. */
  pause(): void {
    this.#due = false;
  }

  /** The freezes of the period, and one that lasts until `now`. */
  freezes(now: number): readonly Freeze[] {
    const last = this.#shown.at(-1);
    if (!this.#due || last === undefined || now - last <= this.minFreeze) return this.#freezes;
    return [...this.#freezes, { from: last, to: now }];
  }

  /** The figures between two times. */
  figures(from: number, to: number): Figures {
    const within = (at: number) => at > from && at <= to;
    const samples = this.#samples.filter(({ shownAt }) => within(shownAt));
    const shown = this.#shown.filter(within);
    const latencies = samples.map(({ latency }) => latency);
    const first = this.#shown.find((at) => at > from);
    const seconds = first === undefined ? 0 : (to - Math.min(to, first)) / 1000;
    return {
      timed: samples.length,
      now: latencies.at(-1),
      median: quantile(latencies, 0.5),
      p95: quantile(latencies, 0.95),
      stages: medianStages(samples),
      fps: seconds < 1 ? undefined : Math.max(0, shown.length - 1) / seconds,
      missed: missedFrames(samples, shown),
      freezes: this.freezes(to).filter((freeze) => freeze.to > from && freeze.from <= to).length,
    };
  }

  /** Forgets everything. */
  clear(): void {
    this.#samples = [];
    this.#shown = [];
    this.#freezes = [];
    this.#due = false;
  }

  #forget(now: number): void {
    const start = now - this.#period;
    const stale = (at: number | undefined, count: number) =>
      at !== undefined && (at < start || count > MAX_FRAMES);
    while (stale(this.#samples[0]?.shownAt, this.#samples.length)) this.#samples.shift();
    while (stale(this.#shown[0], this.#shown.length)) this.#shown.shift();
    while (stale(this.#freezes[0]?.to, this.#freezes.length)) this.#freezes.shift();
  }
}

function medianStages(samples: readonly Sample[]): LabStage[] {
  const times = new Map<LabStageKey, number[]>();
  for (const { stages } of samples) {
    for (const { key, time } of stages) {
      const known = times.get(key);
      if (known) known.push(time);
      else times.set(key, [time]);
    }
  }
  return [...STAGES, "rest" as const].flatMap((key) => {
    const time = quantile(times.get(key) ?? [], 0.5);
    return time === undefined ? [] : [{ key, time }];
  });
}

/** Missing numbers between two timed frames, minus the pictures between them whose number is unknown. */
function missedFrames(samples: readonly Sample[], shown: readonly number[]): number {
  let missed = 0;
  let at = 0;
  for (const [index, sample] of samples.entries()) {
    const before = samples[index - 1];
    if (!before) continue;
    let unknown = 0;
    while (at < shown.length && (shown[at] ?? 0) < sample.shownAt) {
      if ((shown[at] ?? 0) > before.shownAt) unknown++;
      at++;
    }
    // A smaller number: the source has started over.
    if (sample.number > before.number) missed += Math.max(0, sample.number - before.number - 1 - unknown);
  }
  return missed;
}
