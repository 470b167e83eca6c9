/** What pages show of one stream besides its picture: its source's state and problem, size, frame rate and viewers. */
import type { RawFrame } from "../media/frame.ts";
import type { SourceState, StreamInfo } from "../shared/protocol.ts";

/** What {@link Status} reads off its stream. */
export type StatusReadings = Pick<StreamInfo, "source" | "fps" | "viewers"> & {
  /** Why the pictures that come cannot be shown. */
  readonly problem: string | undefined;
  readonly control: StreamInfo["control"] | undefined;
};

/** The status of one stream, and its listeners. */
export class Status {
  readonly #name: string;
  readonly #read: () => StatusReadings;
  readonly #listeners = new Set<(info: StreamInfo) => void>();
  #state: SourceState = { kind: "waiting" };
  #sourceProblem: string | undefined;
  /** Of the last picture, in pixels. */
  #size = { width: 0, height: 0 };
  /** Whether the picture stood still when the last one came. */
  #isStill = false;
  /** What the listeners know, as JSON. */
  #told = "";

  /** @param read is called at each use of {@link info}. */
  constructor(name: string, read: () => StatusReadings) {
    this.#name = name;
    this.#read = read;
  }

  /** What the render loop does. */
  get state(): SourceState {
    return this.#state;
  }

  set state(state: SourceState) {
    this.#state = state;
    this.tell();
  }

  /** Takes why the source has no pictures, a sentence for viewers; undefined if it has. */
  set sourceProblem(sentence: string | undefined) {
    if (sentence === this.#sourceProblem) return;
    this.#sourceProblem = sentence;
    this.tell();
  }

  /** A picture is shown. @param healed whether it ended a problem. */
  shown({ width, height }: RawFrame, isStill: boolean, healed: boolean): void {
    const isResized = width !== this.#size.width || height !== this.#size.height;
    const isChanged = isResized || healed || isStill !== this.#isStill;
    this.#size = { width, height };
    this.#isStill = isStill;
    if (isChanged) this.tell();
  }

  /** How many listen. */
  get listeners(): number {
    return this.#listeners.size;
  }

  /** The status as pages get it. */
  info(): StreamInfo {
    const { problem: decodingProblem, viewers, source, fps, control } = this.#read();
    const problem = this.#sourceProblem ?? decodingProblem;
    return {
      name: this.#name,
      source,
      state: this.#state,
      ...this.#size,
      fps,
      ...(this.#isStill && this.#state.kind === "live" && { still: true as const }),
      viewers,
      ...(control && { control }),
      ...(problem === undefined ? {} : { problem }),
    };
  }

  /** Calls the listener at each change. @returns stops that. */
  listen(listener: (info: StreamInfo) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the listeners if something changed: the frame rate alone, which always does, they get once a second. */
  tell(): void {
    const info = this.info();
    const told = JSON.stringify({ ...info, fps: 0 });
    if (told === this.#told) return;
    this.#told = told;
    for (const listener of this.#listeners) listener(info);
  }
}
