/** What is between a broadcast and those that hand its frames on. */
import type { Codec, EncodedFrame } from "../media/frame.ts";

/** Frames that are handed on. */
export interface Feed {
  /** One of the rendition of this level comes soon; however often it is asked for. */
  requestKeyframe(level: number): void;
  /** No frame comes any more. */
  stop(): void;
}

/** A broadcast as those need it. */
export interface Forwarded {
  readonly name: string;
  /** Hands on each frame of the renditions of these levels, each from its next keyframe on; `take` must not throw. */
  forward(codec: Codec, levels: readonly number[], take: (frame: EncodedFrame) => void): Feed;
}
