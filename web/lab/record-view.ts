/** The controls of the recording: its length, its progress and its result. */
import { copied, howToCopy } from "../common/copy.ts";
import { write } from "../common/dom.ts";
import { type Recording, summaryLine, toCsv, toJson } from "./recording.ts";
import { reportImage } from "./report-image.ts";

/** The elements of the page. */
export interface RecordElements {
  readonly button: HTMLButtonElement;
  readonly seconds: HTMLSelectElement;
  readonly status: HTMLElement;
  /** Shown when there is a recording. */
  readonly result: HTMLElement;
  readonly summary: HTMLTextAreaElement;
  readonly copy: HTMLButtonElement;
  readonly csv: HTMLAnchorElement;
  readonly json: HTMLAnchorElement;
  readonly png: HTMLAnchorElement;
}

/** Handles the controls, and the files of the last recording. */
export class RecordView {
  readonly #elements: RecordElements;
  #urls: string[] = [];

  /** @param toggled is called when the user starts a recording of `length` milliseconds, or stops it early. */
  constructor(elements: RecordElements, toggled: (length: number) => void) {
    this.#elements = elements;
    elements.button.addEventListener("click", () => toggled(Number(elements.seconds.value) * 1000));
    elements.copy.addEventListener("click", () => void this.#copy());
  }

  /** @param left remaining milliseconds of the recording; undefined if none runs. */
  progress(left: number | undefined): void {
    const { button, seconds, status } = this.#elements;
    button.toggleAttribute("data-recording", left !== undefined);
    write(button, left === undefined ? "Record" : "Stop");
    seconds.disabled = left !== undefined;
    if (left !== undefined) write(status, `${Math.ceil(left / 1000)} s left`);
  }

  /** @param early why the recording ended early; undefined if it did not. */
  async show(recording: Recording, early: string | undefined): Promise<void> {
    const { status, result, summary, csv, json, png } = this.#elements;
    write(status, early ?? "Recorded");
    for (const url of this.#urls.splice(0)) URL.revokeObjectURL(url);
    summary.value = summaryLine(recording);
    const when = new Date(recording.from).toISOString().slice(0, 19).replace(/[T:]/g, "-");
    const name = `latency-${recording.setting.stream}-${when}`;
    this.#offer(csv, `${name}.csv`, new Blob([toCsv(recording)], { type: "text/csv" }));
    this.#offer(json, `${name}.json`, new Blob([toJson(recording)], { type: "application/json" }));
    result.hidden = false;
    summary.style.height = "auto";
    summary.style.height = `${summary.scrollHeight}px`;
    const image = await reportImage(recording);
    png.hidden = image === undefined;
    if (image) this.#offer(png, `${name}.png`, image);
  }

  #offer(link: HTMLAnchorElement, name: string, file: Blob): void {
    link.href = URL.createObjectURL(file);
    link.download = name;
    this.#urls.push(link.href);
  }

  async #copy(): Promise<void> {
    const { summary, status } = this.#elements;
    write(status, (await copied(summary)) ? "Copied" : `Not copied. ${howToCopy()}`);
  }
}
