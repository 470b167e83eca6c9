/** One lane on the page: its switch, its picture, its figures, its stages. */

import { element, write } from "../common/dom.ts";
import { NONE } from "../player/figures/format.ts";
import type { Figures } from "./figures.ts";
import { LANE_NAMES, type LabStage, type LaneKey, labStageText } from "./sample.ts";
import { byteRate, tenths } from "./words.ts";

/** What a lane shows now. */
export interface LaneDisplay {
  readonly on: boolean;
  readonly figures: Figures;
  /** By the optical reading, beside the browser's own times; undefined where there is none. */
  readonly optical: Figures | undefined;
  readonly bytesPerSecond: number | undefined;
  /** What is to be said about it, in sentences; empty for nothing. */
  readonly note: string;
  /** Whether to offer the optical reading. */
  readonly offersOptical: boolean;
  /** The milliseconds that the whole width of the bar stands for. */
  readonly scale: number;
}

const ABOUT: Readonly<Record<LaneKey, string>> = {
  webrtc: "Video by UDP, decoded in a <video>",
  img: "What a page has that only shows it",
  fetch: "Read by a script, drawn to a canvas",
};

const COUNTS = [
  ["fps", "Frames/s", "Frames that came onto the screen each second."],
  ["missed", "Missed", "Frames of the source that this lane did not show."],
  [
    "freezes",
    "Freezes",
    "Times the picture stood for more than 200 ms, or two intervals of a slower source.",
  ],
  ["bytes", "Data", "Bytes that come in each second."],
] as const;

/** A lane's card in its {@link LaneView.element}. */
export class LaneView {
  readonly element = element("section", "lane");
  /** For the picture. */
  readonly picture = element("div", "picture");
  readonly #switch = document.createElement("input");
  readonly #median = element("span", "median");
  readonly #now = element("dd");
  readonly #p95 = element("dd");
  readonly #optical = element("p", "optical");
  readonly #bar = element("div", "bar");
  readonly #legend = element("dl", "legend");
  readonly #counts = new Map<string, HTMLElement>();
  readonly #note = element("p", "note");
  readonly #offer = element("button", "offer");
  #rows: { readonly segment: HTMLElement; readonly time: HTMLElement }[] = [];
  #keys = "";

  /**
   * @param switched is told when the user switches the lane on or off.
   * @param wanted is told when the user wants the optical reading.
   */
  constructor(lane: LaneKey, switched: () => void, wanted: () => void) {
    const title = element("h2");
    title.id = `lane-${lane}`;
    title.append(element("span", "key"), LANE_NAMES[lane]);
    this.element.dataset.lane = lane;
    this.element.setAttribute("aria-labelledby", title.id);
    this.#switch.type = "checkbox";
    this.#switch.role = "switch";
    this.#switch.checked = true;
    this.#switch.ariaLabel = `Show ${LANE_NAMES[lane]}`;
    this.#switch.addEventListener("change", () => switched());
    const head = element("header");
    head.append(title, this.#switch);
    const about = element("p", "about");
    about.textContent = ABOUT[lane];

    const latency = element("div", "latency");
    const median = element("p");
    const unit = element("span", "unit");
    unit.textContent = "ms median";
    median.append(this.#median, unit);
    const others = element("dl");
    others.append(...pair("Now", this.#now), ...pair("95 % under", this.#p95));
    latency.append(median, others);

    this.#bar.ariaHidden = "true";
    const counts = element("dl", "counts");
    for (const [key, name, explanation] of COUNTS) {
      const value = element("dd");
      const group = element("div");
      group.title = explanation;
      group.append(...pair(name, value));
      counts.append(group);
      this.#counts.set(key, value);
    }
    this.#offer.type = "button";
    this.#offer.textContent = "Read it off the picture";
    this.#offer.addEventListener("click", wanted);
    this.element.append(
      head,
      about,
      this.picture,
      latency,
      this.#optical,
      this.#bar,
      this.#legend,
      counts,
      this.#note,
      this.#offer,
    );
  }

  /** Whether the user has it switched on. */
  get wanted(): boolean {
    return this.#switch.checked;
  }

  show({ on, figures, optical, bytesPerSecond, note, offersOptical, scale }: LaneDisplay): void {
    this.element.toggleAttribute("data-off", !on);
    const { median, now, p95, fps, timed, missed, freezes, stages } = figures;
    write(this.#median, tenths(median));
    write(this.#now, now === undefined ? NONE : `${tenths(now)} ms`);
    write(this.#p95, p95 === undefined ? NONE : `${tenths(p95)} ms`);
    this.#optical.hidden = optical === undefined;
    write(
      this.#optical,
      optical?.median === undefined
        ? "Off the picture: nothing read yet"
        : `Off the picture: ${tenths(optical.median)} ms median, 95 % under ${tenths(optical.p95)} ms`,
    );
    this.#showStages(stages, scale);
    this.#count("fps", fps === undefined ? NONE : fps.toFixed(1));
    this.#count("missed", timed < 2 ? NONE : String(missed));
    this.#count("freezes", fps === undefined ? NONE : String(freezes));
    this.#count("bytes", byteRate(bytesPerSecond));
    write(this.#note, note);
    this.#note.hidden = note === "";
    this.#offer.hidden = !offersOptical;
  }

  #count(key: string, text: string): void {
    const value = this.#counts.get(key);
    if (value) write(value, text);
  }

  #showStages(stages: readonly LabStage[], scale: number): void {
    const keys = stages.map(({ key }) => key).join();
    if (keys !== this.#keys) this.#buildStages(stages);
    this.#keys = keys;
    for (const [index, { time }] of stages.entries()) {
      const row = this.#rows[index];
      if (!row) continue;
      row.segment.style.width = `${Math.min(100, (100 * time) / scale).toFixed(2)}%`;
      write(row.time, tenths(time));
    }
  }

  #buildStages(stages: readonly LabStage[]): void {
    this.#rows = stages.map(() => ({ segment: element("span"), time: element("dd") }));
    this.#bar.replaceChildren(...this.#rows.map(({ segment }) => segment));
    const groups = stages.map(({ key }, index) => {
      const group = element("div");
      const { name, explanation } = labStageText(key, stages);
      group.title = explanation;
      const swatch = element("span", "swatch");
      const term = element("dt");
      const row = this.#rows[index];
      swatch.dataset.stage = key;
      if (row) row.segment.dataset.stage = key;
      term.append(swatch, name);
      group.append(term, ...(row ? [row.time] : []));
      return group;
    });
    this.#legend.replaceChildren(...groups);
  }
}

function pair(name: string, value: HTMLElement): [HTMLElement, HTMLElement] {
  const term = element("dt");
  term.textContent = name;
  return [term, value];
}
