/** The frames that a media worker was given, from then until it reports them sent. */
import type { EncodedFrame } from "../../media/frame.ts";
import type { Sent } from "../audience/viewer.ts";

type Settle = (sent: Sent | undefined) => void;

/** Keys name an audience and a rendition. */
export class FramesInFlight {
  /** By key, the oldest frame first. */
  readonly #waiting = new Map<string, Settle[]>();
  /** Keys with a frame left out: their viewers can show nothing until the next keyframe. */
  readonly #interrupted = new Set<string>();

  get hasInterrupted(): boolean {
    return this.#interrupted.size > 0;
  }

  /** Whether to post the frame: the worker responds, and its viewers can show the frame. */
  accepts(key: string, { type }: EncodedFrame, isLate: boolean): boolean {
    if (isLate) this.#interrupted.add(key);
    else if (type === "key") this.#interrupted.delete(key);
    return !this.#interrupted.has(key);
  }

  /** Resolves when the frame is sent; to undefined if the worker responds late or ends. */
  add(key: string): Promise<Sent | undefined> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(key) ?? [];
      this.#waiting.set(key, waiting);
      waiting.push(resolve);
    });
  }

  /** The oldest frame of the key is sent. */
  sent(key: string, sent: Sent): void {
    this.#waiting.get(key)?.shift()?.(sent);
  }

  /** Waits no longer for any frame. Keeps their places in order: the worker may yet report them. */
  release(): void {
    for (const waiting of this.#waiting.values()) for (const resolve of waiting) resolve(undefined);
  }
}
