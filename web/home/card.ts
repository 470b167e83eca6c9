/** One broadcast in the list: its picture, moving while it is in sight, and what it is. */
import type { SourceState, StreamInfo } from "../../src/signaling/protocol.ts";
import { bearer } from "../common/token.ts";
import { frameRate, size } from "../player/figures/format.ts";

/** Between thumbnails; the next is asked for when the last is there. */
const PICTURE_EVERY = 1000;

const STATES: Readonly<Record<SourceState["kind"], readonly [label: string, tone: string]>> = {
  waiting: ["Waiting", "idle"],
  live: ["Live", "good"],
  stalled: ["Stalled", "warm"],
  crashed: ["Crashed", "bad"],
  ended: ["Ended", "idle"],
};

export class Card {
  readonly element = document.createElement("li");
  readonly #path: string;
  readonly #token: Promise<string>;
  readonly #link = document.createElement("a");
  readonly #picture = document.createElement("img");
  readonly #label = document.createElement("span");
  readonly #pill = document.createElement("span");
  readonly #detail = document.createElement("span");
  readonly #seen: IntersectionObserver;
  #inSight = false;
  #isLive = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param token to watch with; empty for none. */
  constructor(name: string, token: Promise<string>) {
    const path = encodeURIComponent(name);
    this.#path = `/streams/${path}/snapshot.jpg?thumbnail`;
    this.#token = token;
    this.#link.className = "card";
    this.#link.href = `/watch/${path}`;
    void token.then((given) => {
      if (given !== "") this.#link.hash = `token=${given}`;
    });
    const frame = Object.assign(document.createElement("span"), { className: "frame" });
    this.#picture.alt = "";
    this.#pill.className = "state";
    this.#pill.append(Object.assign(document.createElement("span"), { className: "dot" }), this.#label);
    frame.append(this.#picture);
    const title = Object.assign(document.createElement("span"), { className: "title" });
    title.append(
      Object.assign(document.createElement("span"), { className: "name", textContent: name }),
      this.#pill,
    );
    this.#detail.className = "detail";
    this.#link.append(frame, title, this.#detail);
    this.element.append(this.#link);
    this.#seen = new IntersectionObserver(([entry]) => {
      this.#inSight = entry?.isIntersecting ?? false;
      this.#move();
    });
    this.#seen.observe(this.element);
    document.addEventListener("visibilitychange", this.#move);
  }

  show({ state, source, width, height, fps, viewers }: StreamInfo): void {
    const [label, tone] = STATES[state.kind];
    this.#label.textContent = label;
    this.#pill.dataset.tone = tone;
    const watching = viewers === 1 ? "1 viewer" : `${viewers} viewers`;
    // A source that nobody watches may rest, but for these pictures.
    const rate = state.kind === "live" && viewers > 0 ? [frameRate(fps)] : [];
    const picture = width > 0 ? [size(width, height), ...rate] : [];
    this.#detail.textContent = [watching, ...picture, source].join(" · ");
    this.#detail.title = this.#detail.textContent;
    this.#isLive = state.kind === "live";
    if (state.kind !== "waiting") this.#move();
  }

  /** The server does not answer: its picture is the last one, and no more is known. */
  away(): void {
    this.#label.textContent = "Server away";
    this.#pill.dataset.tone = "warm";
    this.#detail.textContent = "";
    this.#isLive = false;
  }

  close(): void {
    this.#seen.disconnect();
    document.removeEventListener("visibilitychange", this.#move);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#inSight = false;
    this.element.remove();
  }

  /** Asks for the picture of now, and again after a while; what nobody sees, or does not move, costs nothing. */
  readonly #move = (): void => {
    if (this.#timer !== undefined || !this.#inSight || document.hidden) return;
    if (!this.#isLive && this.#picture.src !== "") return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#move();
    }, PICTURE_EVERY);
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
