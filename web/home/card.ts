/** One stream in the list: its live thumbnail and its description. */
import type { SourceState, StreamInfo } from "../../src/shared/protocol.ts";
import { element } from "../common/dom.ts";
import { bearer } from "../common/token.ts";
import { frameRate, size } from "../player/figures/format.ts";

/** Shortest time between two thumbnails. */
const THUMBNAIL_INTERVAL_MS = 1000;

const STATES: Readonly<Record<SourceState["kind"], readonly [label: string, tone: string]>> = {
  waiting: ["Waiting", "idle"],
  live: ["Live", "good"],
  stalled: ["Stalled", "warm"],
  crashed: ["Crashed", "bad"],
  ended: ["Ended", "idle"],
};

/** A card in the list, in {@link Card.element}. */
export class Card {
  readonly element = document.createElement("li");
  readonly #path: string;
  readonly #token: Promise<string>;
  readonly #link = document.createElement("a");
  readonly #picture = document.createElement("img");
  readonly #label = document.createElement("span");
  readonly #pill = document.createElement("span");
  readonly #detail = document.createElement("span");
  readonly #visibility: IntersectionObserver;
  #isVisible = false;
  #isLive = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param token the view token; empty if none is needed. */
  constructor(name: string, token: Promise<string>) {
    const path = encodeURIComponent(name);
    this.#path = `/streams/${path}/snapshot.jpg?thumbnail`;
    this.#token = token;
    this.#link.className = "card";
    this.#link.href = `/watch/${path}`;
    void token.then((given) => {
      if (given !== "") this.#link.hash = `token=${given}`;
    });
    const frame = element("span", "frame");
    this.#picture.alt = "";
    this.#pill.className = "state";
    this.#pill.append(element("span", "dot"), this.#label);
    frame.append(this.#picture);
    const title = element("span", "title");
    title.append(element("span", "name", name), this.#pill);
    this.#detail.className = "detail";
    this.#link.append(frame, title, this.#detail);
    this.element.append(this.#link);
    this.#visibility = new IntersectionObserver(([entry]) => {
      this.#isVisible = entry?.isIntersecting ?? false;
      this.#refresh();
    });
    this.#visibility.observe(this.element);
    document.addEventListener("visibilitychange", this.#refresh);
  }

  /** Shows the server's description. */
  show({ state, source, width, height, fps, viewers }: StreamInfo): void {
    const [label, tone] = STATES[state.kind];
    this.#label.textContent = label;
    this.#pill.dataset.tone = tone;
    const watching = viewers === 1 ? "1 viewer" : `${viewers} viewers`;
    // Without viewers the source may render only these thumbnails: its frame rate says nothing.
    const rate = state.kind === "live" && viewers > 0 ? [frameRate(fps)] : [];
    const picture = width > 0 ? [size(width, height), ...rate] : [];
    this.#detail.textContent = [watching, ...picture, source].join(" · ");
    this.#detail.title = this.#detail.textContent;
    this.#isLive = state.kind === "live";
    if (state.kind !== "waiting") this.#refresh();
  }

  /** The server does not answer: only the last thumbnail is left. */
  away(): void {
    this.#label.textContent = "Server away";
    this.#pill.dataset.tone = "warm";
    this.#detail.textContent = "";
    this.#isLive = false;
  }

  /** Removes the card. */
  close(): void {
    this.#visibility.disconnect();
    document.removeEventListener("visibilitychange", this.#refresh);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isVisible = false;
    this.element.remove();
  }

  /** Loads a thumbnail, and the next after a while. A card that is hidden or not live loads none. */
  readonly #refresh = (): void => {
    if (this.#timer !== undefined || !this.#isVisible || document.hidden) return;
    if (!this.#isLive && this.#picture.src !== "") return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#refresh();
    }, THUMBNAIL_INTERVAL_MS);
    void this.#load();
  };

  async #load(): Promise<void> {
    const answer = await fetch(this.#path, { headers: bearer(await this.#token) }).catch(() => undefined);
    if (!answer?.ok) return;
    const before = this.#picture.src;
    this.#picture.src = URL.createObjectURL(await answer.blob());
    if (before !== "") URL.revokeObjectURL(before);
  }
}
