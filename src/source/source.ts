/**
 * The interface of sources. A source delivers frames and the state of its render loop to a sink. This room has those
 * for publishers, folders and the built-in scene, and runs Blender.
 */
import type { SourceFrame } from "../media/frame.ts";
import type { SourceState } from "../shared/protocol.ts";

/** Takes a source's frames and states. No call blocks or throws. */
export interface SourceSink {
  /** Takes a frame, and owns its memory from then on. */
  frame(frame: SourceFrame): void;
  /** Takes the render loop's new state. */
  state(state: SourceState): void;
  /** Takes the reason why there are no pictures, as a sentence that viewers see; undefined, or a frame, ends it. */
  problem(sentence: string | undefined): void;
}

/** A source of frames. */
export interface Source {
  /** For users, such as `built-in scene` or `folder render`. */
  readonly label: string;
  /** Starts to deliver. Rejects with a sentence for the user if it cannot. */
  start(sink: SourceSink): Promise<void>;
  /** Tells the source whether somebody watches. A source that draws its own pictures pauses otherwise. */
  demand(watched: boolean): void;
  /** Counters for `/metrics`: frames taken, and refused data by reason. */
  counters(): Readonly<Record<string, number>>;
  /** Stops the source. No call of the sink follows. */
  close(): Promise<void>;
}
