/** The statistics over the picture. The explanation of a figure is shown below them while the user points at it. */

import type { StreamInfo } from "../../../src/shared/protocol.ts";
import type { PlayerStats } from "../figures/player-stats.ts";
import { type Figure, figuresOf } from "../figures/statistics.ts";

const HINT = "Point at a figure, or tap it, for an explanation.";

/** The panel, in {@link StatisticsView.element}. */
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
    // It scrolls in a small player, so the keyboard must reach it.
    this.element.tabIndex = 0;
    this.#explanation.className = "explanation";
    this.#explanation.ariaHidden = "true";
    this.#explanation.textContent = HINT;
    this.element.append(this.#list, this.#explanation);
  }

  /** @param stream as the server describes it; undefined until it has. */
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
        row.addEventListener("pointerleave", ({ pointerType }) => {
          // A finger leaves as soon as it has tapped.
          if (pointerType === "mouse") this.#explain(HINT);
        });
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
