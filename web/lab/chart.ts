/** The plot of the latency of each frame: live on the page, and as an image of a recording. */
import { uPlot } from "../common/uplot.ts";
import type { Freeze } from "./figures.ts";
import { LANE_NAMES, LANES, type LaneKey, type Sample } from "./sample.ts";

/** One lane in the plot. All times are of the same clock. */
export interface Curve {
  readonly lane: LaneKey;
  readonly samples: readonly Sample[];
  readonly freezes: readonly Freeze[];
}

/** Possible upper ends of the latency scale. */
const SCALE_TOPS_MS = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
/** Height of the strip that marks a freeze, in CSS pixels. */
const FREEZE_MARK_PX = 4;
/** Line dashes in CSS pixels: the lanes differ without colour too. */
const DASHES: Readonly<Record<LaneKey, number[]>> = { webrtc: [], img: [2, 3], fetch: [7, 3] };

/** Data for uPlot: all times in order, and for each curve its latency at each time, or null. */
export function aligned(curves: readonly (readonly Sample[])[]): [number[], ...(number | null)[][]] {
  const times: number[] = [];
  const values: (number | null)[][] = curves.map(() => []);
  const at = curves.map(() => 0);
  for (;;) {
    let time = Number.POSITIVE_INFINITY;
    for (const [index, curve] of curves.entries())
      time = Math.min(time, curve[at[index] ?? 0]?.shownAt ?? Number.POSITIVE_INFINITY);
    if (time === Number.POSITIVE_INFINITY) return [times, ...values];
    times.push(time);
    for (const [index, curve] of curves.entries()) {
      const next = at[index] ?? 0;
      const sample = curve[next];
      const isAtTime = sample?.shownAt === time;
      values[index]?.push(isAtTime ? sample.latency : null);
      if (isAtTime) at[index] = next + 1;
    }
  }
}

/** The upper end of the scale: a round number above the 99th percentile, so that an outlier does not flatten the rest. */
export function scaleTop(curves: readonly (readonly Sample[])[]): number {
  let top = 0;
  for (const curve of curves) {
    const sorted = curve.map(({ latency }) => latency).sort((a, b) => a - b);
    top = Math.max(top, sorted[Math.floor((sorted.length - 1) * 0.99)] ?? 0);
  }
  return SCALE_TOPS_MS.find((round) => round >= top * 1.15) ?? Math.max(10_000, top);
}

/** A plot in `container`. */
export class Chart {
  readonly canvas: HTMLCanvasElement;
  readonly #chart: uPlot;
  #colours = readColours();
  #curves: readonly Curve[] = [];

  /** @param label formats a tick, given its distance in milliseconds from the start and to the end of the scale. */
  constructor(
    container: HTMLElement,
    size: { readonly width: number; readonly height: number },
    label: (fromStart: number, toEnd: number) => string,
  ) {
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const axis: uPlot.Axis = {
      font,
      stroke: () => this.#colours.quiet,
      grid: { stroke: () => this.#colours.line, width: 1 },
      ticks: { show: false },
    };
    this.#chart = new uPlot(
      {
        ...size,
        padding: [10, 20, 0, 0],
        cursor: { show: false },
        legend: { show: false },
        select: { show: false, left: 0, top: 0, width: 0, height: 0 },
        scales: { x: { time: false, auto: false }, y: { auto: false } },
        axes: [
          {
            ...axis,
            size: 28,
            splits: (_, __, min, max) => ticks(min, max),
            values: ({ scales }, splits) =>
              splits.map((at) => label(at - (scales.x?.min ?? 0), (scales.x?.max ?? 0) - at)),
          },
          { ...axis, size: 56, values: (_, splits) => splits.map((value) => `${value} ms`) },
        ],
        series: [
          {},
          ...LANES.map(
            (lane): uPlot.Series => ({
              label: LANE_NAMES[lane],
              stroke: () => this.#colours[lane],
              width: 1.5,
              dash: DASHES[lane],
              spanGaps: true,
              points: { show: false },
            }),
          ),
        ],
        hooks: { drawClear: [(chart) => this.#drawFreezes(chart)] },
      },
      [[], ...LANES.map(() => [])] as uPlot.AlignedData,
      container,
    );
    this.canvas = this.#chart.ctx.canvas;
  }

  /** @param width and height in CSS pixels. */
  resize(width: number, height: number): void {
    this.#chart.setSize({ width, height });
  }

  /** The colour scheme has changed. */
  recolour(): void {
    this.#colours = readColours();
    this.#chart.redraw(false, true);
  }

  /** Draws the curves between two times. */
  draw(curves: readonly Curve[], from: number, to: number): void {
    this.#curves = curves;
    const samples = LANES.map((lane) => curves.find((curve) => curve.lane === lane)?.samples ?? []);
    const chart = this.#chart;
    chart.batch(() => {
      chart.setData(aligned(samples) as uPlot.AlignedData, false);
      chart.setScale("x", { min: from, max: to });
      chart.setScale("y", { min: 0, max: scaleTop(samples) });
    });
  }

  /** Removes the plot. */
  destroy(): void {
    this.#chart.destroy();
  }

  /** Draws a pale band over each freeze, and a strip above it at the height of its lane. */
  #drawFreezes(chart: uPlot): void {
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, 0, bbox.width, bbox.top + bbox.height);
    ctx.clip();
    for (const { lane, freezes } of this.#curves) {
      ctx.fillStyle = this.#colours[lane];
      for (const { from, to } of freezes) {
        const left = chart.valToPos(from, "x", true);
        const width = Math.max(2, chart.valToPos(to, "x", true) - left);
        ctx.globalAlpha = 0.12;
        ctx.fillRect(left, bbox.top, width, bbox.height);
        ctx.globalAlpha = 1;
        const mark = FREEZE_MARK_PX * devicePixelRatio;
        ctx.fillRect(left, bbox.top + LANES.indexOf(lane) * (mark + 2), width, mark);
      }
    }
    ctx.restore();
  }
}

/** Up to six ticks, at equal distances from the end. */
function ticks(min: number, max: number): number[] {
  const span = max - min;
  if (!(span > 0)) return [];
  const step = [500, 1000, 2000, 5000, 10_000, 20_000].find((each) => span / each <= 6) ?? span / 5;
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, index) => max - index * step).reverse();
}

/** The colours of the lanes and the plot, from the custom properties of the style sheet. */
export function readColours(): Record<LaneKey | "quiet" | "line" | "text" | "ground", string> {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(name).trim();
  return {
    webrtc: of("--webrtc"),
    img: of("--img"),
    fetch: of("--fetch"),
    quiet: of("--quiet"),
    line: of("--line"),
    text: of("--text"),
    ground: of("--ground"),
  };
}
