/** The state in words: over the picture where there is something to say, in the controls, and for screen readers. */
import { element, write } from "../../common/dom.ts";
import { duration } from "../figures/format.ts";
import type { PlayerState } from "../session/state.ts";
import { toneOf } from "../session/tone.ts";

export class Banner {
  /** Over the picture. */
  readonly element = document.createElement("div");
  /** For the controls. */
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
    // Its sentence says the same.
    this.#title.ariaHidden = "true";
    title.append(this.#dots[0], this.#title);
    // What counts up is for the eyes alone: it would be read out each second.
    this.#elapsed.ariaHidden = "true";
    this.#elapsed.className = "elapsed";
    this.element.append(title, this.#sentence, this.#elapsed);
    this.badge.className = "badge";
    this.badge.part = "badge";
    this.badge.append(this.#dots[1], this.#label);
  }

  get isShown(): boolean {
    return this.#sentence.textContent !== "";
  }

  /** @param now on the server's clock. */
  show(state: PlayerState, now: number): void {
    const { kind, sentence, label } = state;
    const tone = toneOf(state);
    for (const dot of this.#dots) {
      dot.dataset.tone = tone;
      dot.toggleAttribute("data-busy", tone === "busy" || kind === "away");
    }
    // Only where it differs: a live region reads out every write.
    write(this.#sentence, sentence);
    const rests = kind === "stalled" || kind === "crashed" || kind === "ended";
    const lasts = rests ? duration(now - state.since) : "";
    write(this.#elapsed, lasts && (kind === "ended" ? `${lasts} ago` : `for ${lasts}`));
    write(this.#label, label);
    write(this.#title, label);
    this.element.toggleAttribute("data-brief", label === sentence);
    this.badge.title = sentence;
  }

  /** Tells those who cannot see what has just been done. */
  announce(sentence: string): void {
    write(this.#sentence, sentence);
  }
}
