/** One number over the last seconds: its name, its value, and a line. */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { element, write } from "../common/dom.ts";
import { type Extent, figure } from "./figure.ts";
import { type Series, WINDOW } from "./series.ts";

const HEIGHT = 52;
/** A screen reader is not to be talked over. */
const LABEL_EVERY = 5000;

/** A plot in its {@link Plot.element}. */
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
    const title = element("span", "name");
    title.textContent = name;
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
      if (width > 0) this.#chart.setSize({ width, height: HEIGHT });
    });
    this.#resizing.observe(frame);
  }

  /** Draws the window that ends `now`. */
  draw(series: Series, now: number, stale: boolean): void {
    const { extent } = series;
    const value = figure(series.last, extent);
    this.element.toggleAttribute("data-stale", stale);
    write(this.#value, value);
    write(this.#max, extent ? figure(extent.max, extent) : "");
    write(this.#min, extent && extent.max > extent.min ? figure(extent.min, extent) : "");
    const clock = performance.now();
    if (clock - this.#labelledAt >= LABEL_EVERY) {
      this.#labelledAt = clock;
      this.element.ariaLabel = `${this.#name}: ${value}`;
    }
    const chart = this.#chart;
    chart.batch(() => {
      chart.setData(series.points, false);
      chart.setScale("x", { min: now - WINDOW, max: now });
      chart.setScale("y", heightOf(extent));
    });
  }

  destroy(): void {
    this.#resizing.disconnect();
    this.#chart.destroy();
    this.element.remove();
  }
}

/** The scale that shows all of the extent: one that does not change runs through the middle. */
function heightOf({ min, max }: Extent = { min: 0, max: 0, whole: true }): { min: number; max: number } {
  const room = (max - min) * 0.06 || Math.abs(max) * 0.1 || 1;
  return { min: min - room, max: max + room };
}

function timeAxis(): HTMLElement {
  const axis = element("div", "axis");
  for (const share of [1, 0.5, 0]) {
    const tick = element("span");
    tick.textContent = share > 0 ? `−${(share * WINDOW) / 1000} s` : "0 s";
    axis.append(tick);
  }
  return axis;
}

/** The page's accent: another by day than by night. */
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
    // The observer tells the width before anything is painted.
    width: 100,
    height: HEIGHT,
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
