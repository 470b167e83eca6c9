/** The contract of a source: it puts frames into a sink, and says what its render loop is doing. */
import type { SourceFrame } from "../media/frame.ts";
import type { SourceState } from "../shared/protocol.ts";

/** Where a source's frames go. No call blocks or throws. */
export interface SourceSink {
  /** The frame's memory is the sink's from now on. */
  frame(frame: SourceFrame): void;
  state(state: SourceState): void;
  /** Why there are no pictures, in a sentence for viewers too; undefined once that is over. A frame ends it as well. */
  problem(sentence: string | undefined): void;
}

export interface Source {
  /** For people, such as `built-in scene` or `folder render`. */
  readonly label: string;
  /** Begins to deliver. Rejects with a sentence for the user where it cannot. */
  start(sink: SourceSink): Promise<void>;
  /** Whether anybody watches: a source that makes its pictures itself rests while nobody does. */
  demand(watched: boolean): void;
  /** Counters for `/metrics`: what was taken and what was refused, by reason. */
  counters(): Readonly<Record<string, number>>;
  /** Ends it; no call of the sink comes after. */
  close(): Promise<void>;
}
