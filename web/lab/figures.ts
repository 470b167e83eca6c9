/** One lane's frames of the last seconds, and the figures that follow from them. Times are the page's clock. */
import { quantile } from "../player/figures/rolling-window.ts";
import { STAGES } from "../player/figures/stages.ts";
import type { LabStage, LabStageKey, Sample } from "./sample.ts";

/** The figures are those of the last so many milliseconds. */
export const FIGURES_WINDOW = 10_000;
/** The plot goes back as far. */
export const PLOT_WINDOW = 20_000;
/** Two minutes of 60 frames a second are more than any window or recording needs. */
const MAX_FRAMES = 7200;
/** A picture that stands still for longer is a freeze, at usual frame rates. */
const FREEZE_AFTER = 200;

/** The figures of a lane over some time. Latencies and stages are in milliseconds. */
export interface Figures {
  /** How many frames were timed. */
  readonly timed: number;
  /** Undefined where none were. */
  readonly now: number | undefined;
  readonly median: number | undefined;
  readonly p95: number | undefined;
  /** Medians of each stage. */
  readonly stages: readonly LabStage[];
  /** Frames a second that came onto the screen; undefined before a second has passed. */
  readonly fps: number | undefined;
  /** Frame numbers that were left out. */
  readonly missed: number;
  readonly freezes: number;
}

/** When a picture stood still that should not have. */
export interface Freeze {
  readonly from: number;
  readonly to: number;
}

/** How long a picture may stand: 200 ms, or twice a slow source's interval. `fps` is the source's rate, if known. */
export function freezeAfter(fps: number | undefined): number {
  return Math.max(FREEZE_AFTER, fps ? 2000 / fps : 0);
}

/** Remembers one lane's frames, boundedly. */
export class LaneLog {
  /** How long a picture may stand, as {@link freezeAfter} has it. */
  freezeAfter: number;
  readonly #keep: number;
  #samples: Sample[] = [];
  /** When a new picture came onto the screen, timed or not. */
  #shown: number[] = [];
  #freezes: Freeze[] = [];
  /** Whether the next picture is due. */
  #due = false;

  /** @param keep how far back it goes, in milliseconds. */
  constructor(keep: number = PLOT_WINDOW, freezeAfter: number = FREEZE_AFTER) {
    this.#keep = keep;
    this.freezeAfter = freezeAfter;
  }

  /** In the order they were shown. */
  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** A new picture is on the screen, though perhaps it is not known which. */
  shown(at: number): void {
    const last = this.#shown.at(-1);
    if (this.#due && last !== undefined && at - last > this.freezeAfter)
      this.#freezes.push({ from: last, to: at });
    this.#due = true;
    this.#shown.push(at);
    this.#forget(at);
  }

  /** A picture on the screen has been timed, now or a little later. */
  add(sample: Sample): void {
    let at = this.#samples.length;
    while (at > 0 && (this.#samples[at - 1]?.shownAt ?? 0) > sample.shownAt) at--;
    this.#samples.splice(at, 0, sample);
    this.#forget(this.#samples.at(-1)?.shownAt ?? sample.shownAt);
  }

  /** From here until the next picture none is due: nobody can see them, or the source rests. */
  rest(): void {
    this.#due = false;
  }

  /** The freezes that ended or go on within what is remembered. */
  freezes(now: number): readonly Freeze[] {
    const last = this.#shown.at(-1);
    if (!this.#due || last === undefined || now - last <= this.freezeAfter) return this.#freezes;
    return [...this.#freezes, { from: last, to: now }];
  }

  /** The figures of the time between. */
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

  clear(): void {
    this.#samples = [];
    this.#shown = [];
    this.#freezes = [];
    this.#due = false;
  }

  #forget(now: number): void {
    const start = now - this.#keep;
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

/** Numbers left out between two timed frames, less the pictures between them that could not be told. */
function missedFrames(samples: readonly Sample[], shown: readonly number[]): number {
  let missed = 0;
  let at = 0;
  for (const [index, sample] of samples.entries()) {
    const before = samples[index - 1];
    if (!before) continue;
    let untold = 0;
    while (at < shown.length && (shown[at] ?? 0) < sample.shownAt) {
      if ((shown[at] ?? 0) > before.shownAt) untold++;
      at++;
    }
    // Smaller numbers: the source counts anew.
    if (sample.number > before.number) missed += Math.max(0, sample.number - before.number - 1 - untold);
  }
  return missed;
}
