/** The plot of one number over the last seconds, with its name and value. */

import { element, write } from "../common/dom.ts";
import { uPlot } from "../common/uplot.ts";
import { type Extent, figure } from "./figure.ts";
import { HISTORY_MS, type Series } from "./series.ts";

const HEIGHT_PX = 52;
/** A screen reader must not be interrupted by each new value. */
const LABEL_INTERVAL_MS = 5000;

/** A plot, in {@link Plot.element}. */
export class Plot {
  readonly element = element("div", "plot");
  readonly #name: string;
  readonly #value = element("span", "value");
  readonly #max = element("span");
  readonly #min = element("span");
  readonly #chart: uPlot;
  readonly #resizing: ResizeObserver;
  #labelledAt = Number.NEGATIVE_INFINITY;

  constructor(name: string) {
    this.#name = name;
    this.element.role = "img";
    const title = element("span", "name", name);
    title.title = name;
    const head = element("div", "head");
    head.append(title, this.#value);
    const frame = element("div", "frame");
    const extent = element("div", "extent");
    extent.append(this.#max, this.#min);
    this.element.append(head, frame, extent, timeAxis());

    this.#chart = new uPlot(options(), [[], []], frame);
    this.#resizing = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry?.contentRect.width ?? 0);
      if (width > 0) this.#chart.setSize({ width, height: HEIGHT_PX });
    });
    this.#resizing.observe(frame);
  }

  /** Draws the window that ends at `now`, in milliseconds. */
  draw(series: Series, now: number, stale: boolean): void {
    const { extent } = series;
    const value = figure(series.last, extent);
    this.element.toggleAttribute("data-stale", stale);
    write(this.#value, value);
    write(this.#max, extent ? figure(extent.max, extent) : "");
    write(this.#min, extent && extent.max > extent.min ? figure(extent.min, extent) : "");
    const clock = performance.now();
    if (clock - this.#labelledAt >= LABEL_INTERVAL_MS) {
      this.#labelledAt = clock;
      this.element.ariaLabel = `${this.#name}: ${value}`;
    }
    const chart = this.#chart;
    chart.batch(() => {
      chart.setData(series.points, false);
      chart.setScale("x", { min: now - HISTORY_MS, max: now });
      chart.setScale("y", heightOf(extent));
    });
  }

  /** Removes the plot. */
  destroy(): void {
    this.#resizing.disconnect();
    this.#chart.destroy();
    this.element.remove();
  }
}

/** The vertical scale for the extent. A constant value is drawn in the middle. */
function heightOf({ min, max }: Extent = { min: 0, max: 0, whole: true }): { min: number; max: number } {
  const room = (max - min) * 0.06 || Math.abs(max) * 0.1 || 1;
  return { min: min - room, max: max + room };
}

function timeAxis(): HTMLElement {
  const axis = element("div", "axis");
  for (const share of [1, 0.5, 0]) {
    const tick = element("span");
    tick.textContent = share > 0 ? `−${(share * HISTORY_MS) / 1000} s` : "0 s";
    axis.append(tick);
  }
  return axis;
}

/** The accent colour of the current theme. */
let accent: string | undefined;
const colour = (): string => {
  accent ??= getComputedStyle(document.documentElement).getPropertyValue("--accent");
  return accent;
};
matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => {
  accent = undefined;
});

function options(): uPlot.Options {
  const newest = (chart: uPlot) => [chart.data[0].length - 1];
  return {
    // The observer reports the width before the first paint.
    width: 100,
    height: HEIGHT_PX,
    // Room for the dot of the newest value.
    padding: [4, 5, 4, 0],
    cursor: { show: false },
    legend: { show: false },
    select: { show: false, left: 0, top: 0, width: 0, height: 0 },
    scales: { x: { time: false, auto: false }, y: { auto: false } },
    axes: [{ show: false }, { show: false }],
    series: [
      {},
      {
        stroke: colour,
        width: 1.5,
        points: { show: true, size: 5, width: 0, fill: colour, filter: newest },
      },
    ],
  };
}
