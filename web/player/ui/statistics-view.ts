/** The statistics laid over the picture: what a figure is stands below them while it is pointed at. */

import type { StreamInfo } from "../../../src/signaling/protocol.ts";
import type { PlayerStats } from "../figures/player-stats.ts";
import { type Figure, figuresOf } from "../figures/statistics.ts";

const HINT = "Point at a figure to see what it is.";

export class StatisticsView {
  readonly element = document.createElement("section");
  readonly #list = document.createElement("dl");
  readonly #explanation = document.createElement("p");
  readonly #values = new Map<string, HTMLElement>();
  #keys = "";

  constructor() {
    this.element.part = "statistics";
    this.element.className = "statistics";
    this.element.ariaLabel = "Statistics";
    // It scrolls where the player is small.
    this.element.tabIndex = 0;
    this.#explanation.className = "explanation";
    this.#explanation.ariaHidden = "true";
    this.#explanation.textContent = HINT;
    this.element.append(this.#list, this.#explanation);
  }

  show(stats: PlayerStats, stream: StreamInfo | undefined): void {
    const figures = figuresOf(stats, stream);
    const keys = figures.map(({ key }) => key).join();
    if (keys !== this.#keys) this.#build(figures);
    this.#keys = keys;
    for (const { key, value } of figures) {
      const element = this.#values.get(key);
      if (element && element.textContent !== value) element.textContent = value;
    }
  }

  #build(figures: readonly Figure[]): void {
    this.#values.clear();
    this.#list.replaceChildren(
      ...figures.map(({ key, term, explanation }) => {
        const row = document.createElement("div");
        const name = document.createElement("dt");
        const button = document.createElement("button");
        const value = document.createElement("dd");
        button.type = "button";
        button.textContent = term;
        button.ariaDescription = explanation;
        button.title = explanation;
        name.append(button);
        row.append(name, value);
        row.addEventListener("pointerenter", () => this.#explain(explanation));
        row.addEventListener("pointerleave", () => this.#explain(HINT));
        button.addEventListener("focus", () => this.#explain(explanation));
        button.addEventListener("blur", () => this.#explain(HINT));
        this.#values.set(key, value);
        return row;
      }),
    );
  }

  #explain(text: string): void {
    this.#explanation.textContent = text;
  }
}
