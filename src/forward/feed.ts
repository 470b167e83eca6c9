/** What is between a broadcast and those that hand its frames on. */
import type { Codec, EncodedFrame } from "../frame.ts";

/** Frames that are handed on. */
export interface Feed {
  /** One comes soon; however often it is asked for. */
  requestKeyframe(): void;
  /** No frame comes any more. */
  stop(): void;
}

/** A broadcast as those need it. */
export interface Forwarded {
  readonly name: string;
  /** Hands on each frame of the full rendition from the next keyframe on; `take` must not throw. */
  forward(codec: Codec, take: (frame: EncodedFrame) => void): Feed;
}
