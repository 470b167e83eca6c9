/** The state in words: over the picture if it is not live, in the controls, and for screen readers. */
import { element, write } from "../../common/dom.ts";
import { duration } from "../figures/format.ts";
import type { PlayerState } from "../session/state.ts";
import { toneOf } from "../session/tone.ts";

/** Shows a {@link PlayerState} in its two elements. */
export class Banner {
  /** To place over the picture. */
  readonly element = document.createElement("div");
  /** To place in the controls. */
  readonly badge = document.createElement("span");
  readonly #title = document.createElement("span");
  readonly #sentence = document.createElement("span");
  readonly #elapsed = document.createElement("span");
  readonly #label = document.createElement("span");
  readonly #dots = [element("span", "dot"), element("span", "dot")] as const;

  constructor() {
    this.element.className = "state";
    this.element.part = "status";
    this.#sentence.role = "status";
    this.#sentence.className = "sentence";
    const title = document.createElement("span");
    title.className = "title";
    this.#title.className = "label";
    // The sentence says the same.
    this.#title.ariaHidden = "true";
    title.append(this.#dots[0], this.#title);
    // A screen reader would read out the counter each second.
    this.#elapsed.ariaHidden = "true";
    this.#elapsed.className = "elapsed";
    this.element.append(title, this.#sentence, this.#elapsed);
    this.badge.className = "badge";
    this.badge.part = "badge";
    this.badge.append(this.#dots[1], this.#label);
  }

  /** Whether a state has been shown yet. */
  get isShown(): boolean {
    return this.#sentence.textContent !== "";
  }

  /** @param now milliseconds since the epoch on the server's clock, like the times of the state. */
  show(state: PlayerState, now: number): void {
    const { kind, sentence, label } = state;
    const tone = toneOf(state);
    for (const dot of this.#dots) {
      dot.dataset.tone = tone;
      dot.toggleAttribute("data-busy", tone === "busy" || kind === "away");
    }
    write(this.#sentence, sentence);
    const hasStopped = kind === "stalled" || kind === "crashed" || kind === "ended";
    const elapsed = hasStopped ? duration(now - state.since) : "";
    write(this.#elapsed, elapsed && (kind === "ended" ? `${elapsed} ago` : `for ${elapsed}`));
    write(this.#label, label);
    write(this.#title, label);
    this.element.toggleAttribute("data-brief", label === sentence);
    this.badge.title = sentence;
  }

  /** Has screen readers read out a sentence. */
  announce(sentence: string): void {
    write(this.#sentence, sentence);
  }
}
