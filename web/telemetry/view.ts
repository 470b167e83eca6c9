/** The telemetry panel: numbers as plots, other values as a list. Names and values are untrusted, so they are only ever text. */

import { element, write } from "../common/dom.ts";
import { Redraw } from "../common/redraw.ts";
import type { ShownTelemetry } from "../player/figures/frame.ts";
import { Board, type PlotEntry, type RowEntry } from "./board.ts";
import { Plot } from "./plot.ts";
import "./telemetry.css";

interface Row {
  readonly line: HTMLElement;
  readonly value: HTMLElement;
}

/** Fills `container` and shows it. */
export class TelemetryView {
  readonly #board = new Board();
  readonly #redraw = new Redraw(() => this.#draw());
  readonly #frame = element("span");
  readonly #plots = element("div", "plots");
  readonly #list = element("dl", "values");
  readonly #more = element("p", "empty");
  readonly #plotOf = new Map<string, Plot>();
  readonly #rowOf = new Map<string, Row>();
  #number = 0;

  constructor(container: HTMLElement) {
    const title = element("h2", "", "Telemetry");
    const scope = element("p");
    scope.append(this.#frame, " · last 20 seconds");
    const head = element("div", "title");
    head.append(title, scope);
    container.append(head, this.#plots, this.#list, this.#more);
    container.hidden = false;
  }

  /** Takes the telemetry of the frame on the screen. */
  show({ number, at, data }: ShownTelemetry): void {
    this.#number = number;
    this.#board.take(at, data);
    this.#redraw.request();
  }

  #draw(): void {
    const { plots, rows, more, now } = this.#board;
    write(this.#frame, `Frame ${this.#number}`);
    this.#drawPlots(plots, now);
    this.#drawRows(rows);
    write(
      this.#more,
      more === 0 ? "" : `${more} more ${more === 1 ? "value" : "values"} per frame not shown`,
    );
    this.#plots.hidden = plots.length === 0;
    this.#list.hidden = rows.length === 0;
    this.#more.hidden = more === 0;
  }

  #drawPlots(entries: readonly PlotEntry[], now: number): void {
    removeExcept(this.#plotOf, entries, (plot) => plot.destroy());
    for (const { key, series, stale } of entries) {
      let plot = this.#plotOf.get(key);
      if (!plot) {
        plot = new Plot(key);
        this.#plotOf.set(key, plot);
        this.#plots.append(plot.element);
      }
      plot.draw(series, now, stale);
    }
  }

  #drawRows(entries: readonly RowEntry[]): void {
    removeExcept(this.#rowOf, entries, (row) => row.line.remove());
    for (const { key, text, stale } of entries) {
      let row = this.#rowOf.get(key);
      if (!row) {
        row = newRow(key);
        this.#rowOf.set(key, row);
        this.#list.append(row.line);
      }
      row.line.toggleAttribute("data-stale", stale);
      if (row.value.textContent === text) continue;
      row.value.textContent = text;
      row.value.title = text;
    }
  }
}

function newRow(key: string): Row {
  const line = element("div");
  const name = element("dt", "", key);
  name.title = key;
  const value = element("dd");
  line.append(name, value);
  return { line, value };
}

/** Removes what is no longer among the entries. */
function removeExcept<V>(
  shown: Map<string, V>,
  entries: readonly { readonly key: string }[],
  end: (gone: V) => void,
) {
  const keys = new Set(entries.map(({ key }) => key));
  for (const [key, gone] of shown) {
    if (keys.has(key)) continue;
    shown.delete(key);
    end(gone);
  }
}
