/** The card of one lane: its switch, picture, figures and latency breakdown. */

import { element, write } from "../common/dom.ts";
import { NONE } from "../player/figures/format.ts";
import type { Figures } from "./figures.ts";
import { LANE_NAMES, type LabStage, type LaneKey, labStageText } from "./sample.ts";
import { byteRate, tenths } from "./words.ts";

/** What to show in the card. */
export interface LaneDisplay {
  readonly on: boolean;
  readonly figures: Figures;
  /** Figures of the optical reading, beside the browser's own; undefined if it is off. */
  readonly optical: Figures | undefined;
  readonly bytesPerSecond: number | undefined;
  /** A note in sentences; empty for none. */
  readonly note: string;
  /** Whether to show the button that starts the optical reading. */
  readonly offersOptical: boolean;
  /** Milliseconds of the full width of the bar. */
  readonly scale: number;
}

const ABOUT: Readonly<Record<LaneKey, string>> = {
  webrtc: "Video in a <video> element",
  img: "Without any script",
  fetch: "MJPEG read by a script, drawn to a canvas",
};

const COUNTS = [
  ["fps", "Frame rate", "Frames per second on the screen."],
  ["missed", "Missed", "Source frames that this lane did not show."],
  [
    "freezes",
    "Freezes",
    "How often the picture stood still for more than 200 ms, or two intervals of a slower source.",
  ],
  ["bytes", "Data rate", "Received bytes per second."],
] as const;

/** The card, in {@link LaneView.element}. */
export class LaneView {
  readonly element = element("section", "lane");
  /** Container for the picture. */
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
   * @param switched is called when the user switches the lane on or off.
   * @param opticalWanted is called when the user starts the optical reading.
   */
  constructor(lane: LaneKey, switched: () => void, opticalWanted: () => void) {
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
    const about = element("p", "about", ABOUT[lane]);

    const latency = element("div", "latency");
    const median = element("p");
    const unit = element("span", "unit", "ms median");
    median.append(this.#median, unit);
    const others = element("dl");
    others.append(...pair("Now", this.#now), ...pair("p95", this.#p95));
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
    this.#offer.textContent = "Read from the picture";
    this.#offer.addEventListener("click", opticalWanted);
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

  /** Whether the user has switched the lane on. */
  get wanted(): boolean {
    return this.#switch.checked;
  }

  /** Shows the latest figures. */
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
        ? "From the picture: nothing read yet"
        : `From the picture: ${tenths(optical.median)} ms median, p95 ${tenths(optical.p95)} ms`,
    );
    this.#showStages(stages, scale);
    this.#count("fps", fps === undefined ? NONE : `${fps.toFixed(1)} fps`);
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
  return [element("dt", "", name), value];
}
