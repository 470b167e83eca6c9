/** The latency breakdown: a bar and a list. */
import { element, write } from "../common/dom.ts";
import { milliseconds } from "../player/figures/format.ts";
import type { PlayerStats } from "../player/figures/player-stats.ts";
import { STAGE_TEXTS, type Stage, stageName } from "../player/figures/stages.ts";

/** Draws into `container`. The elements are kept as long as the stages are the same. */
export class StagesView {
  readonly #container: HTMLElement;
  readonly #bar = element("div", "bar");
  readonly #list = element("dl", "stages");
  readonly #empty = element("p", "empty");
  #rows: { readonly segment: HTMLElement; readonly name: HTMLElement; readonly time: HTMLElement }[] = [];
  #keys = "";

  constructor(container: HTMLElement) {
    this.#container = container;
    this.#bar.ariaHidden = "true";
  }

  /** Shows the latest figures. */
  show({ stages, measurable }: PlayerStats): void {
    const keys = stages.map((stage) => stage.key).join();
    if (keys !== this.#keys || !this.#container.hasChildNodes()) this.#build(keys, stages);
    if (stages.length === 0) {
      this.#empty.textContent = measurable
        ? "No new pictures to measure."
        : "Not available: this browser does not report which frame it shows.";
    }
    stages.forEach(({ key, time }, index) => {
      const row = this.#rows[index];
      if (!row) return;
      row.segment.style.flexGrow = time.toFixed(2);
      write(row.name, stageName(key, stages));
      write(row.time, milliseconds(time));
    });
  }

  #build(keys: string, stages: readonly Stage[]): void {
    this.#keys = keys;
    this.#rows = stages.map(() => ({
      segment: element("span"),
      name: element("span"),
      time: element("dd"),
    }));
    this.#bar.replaceChildren(...this.#rows.map((row) => row.segment));
    this.#list.replaceChildren(
      ...this.#rows.map((row, index) => {
        const line = element("div");
        const swatch = element("span", "swatch");
        const key = stages[index]?.key ?? "";
        swatch.dataset.stage = key;
        row.segment.dataset.stage = key;
        const stage = stages[index]?.key;
        if (stage) line.title = STAGE_TEXTS[stage].explanation;
        const term = element("dt");
        term.append(swatch, row.name);
        line.append(term, row.time);
        return line;
      }),
    );
    this.#container.replaceChildren(...(stages.length > 0 ? [this.#bar, this.#list] : [this.#empty]));
  }
}
