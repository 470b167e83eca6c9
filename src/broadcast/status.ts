/** What pages show of one stream besides its picture: its source's state and problem, size, frame rate and viewers. */
import type { SourceState, StreamInfo } from "../shared/protocol.ts";

/** What {@link Status} reads off its stream. */
export type StatusReadings = Pick<StreamInfo, "source" | "width" | "height" | "fps" | "viewers"> & {
  readonly isStill: boolean;
  /** Why the pictures that come cannot be shown. */
  readonly problem: string | undefined;
};

/** The status of one stream, and its listeners. */
export class Status {
  readonly #name: string;
  readonly #read: () => StatusReadings;
  readonly #listeners = new Set<(info: StreamInfo) => void>();
  #state: SourceState = { kind: "waiting" };
  #sourceProblem: string | undefined;

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

  /** How many listen. */
  get listeners(): number {
    return this.#listeners.size;
  }

  /** The status as pages get it. */
  info(): StreamInfo {
    const { isStill, problem: decodingProblem, viewers, source, ...size } = this.#read();
    const problem = this.#sourceProblem ?? decodingProblem;
    return {
      name: this.#name,
      source,
      state: this.#state,
      ...size,
      ...(isStill && this.#state.kind === "live" && { still: true as const }),
      viewers,
      ...(problem === undefined ? {} : { problem }),
    };
  }

  /** Calls the listener at each change. @returns stops that. */
  listen(listener: (info: StreamInfo) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the listeners that something changed. */
  tell(): void {
    const info = this.info();
    for (const listener of this.#listeners) listener(info);
  }
}
