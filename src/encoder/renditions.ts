/** The renditions of one picture, each made when somebody first wants it, and ended when nobody does any more. */
import { type Codec, type RawFrame, type RenditionId, renditionName } from "../media/frame.ts";
import type { VideoEncoder } from "./encoder.ts";
import { CLEARING, Rendition, type RenditionOptions } from "./rendition.ts";

export interface RenditionsOptions extends Omit<RenditionOptions, "encoder" | "level" | "timestampOffset"> {
  /** Makes an encoder, not yet open. */
  readonly encoder: (codec: Codec) => VideoEncoder;
  /** What a new rendition begins with; undefined where there is no picture to show. */
  readonly picture: () => RawFrame | undefined;
}

export class Renditions {
  readonly #options: RenditionsOptions;
  readonly #all = new Map<string, Rendition>();
  #last: RawFrame | undefined;
  #changedAt: number = Number.NEGATIVE_INFINITY;
  /** RFC 3550, section 5.1: the initial value of the timestamp should be random. */
  readonly #timestampOffset = Math.floor(Math.random() * 2 ** 32);

  constructor(options: RenditionsOptions) {
    this.#options = options;
  }

  /** Of all that are there now. */
  get counters(): { readonly dropped: number; readonly failures: number } {
    const sum = { dropped: 0, failures: 0 };
    for (const { counters } of this.#all.values()) {
      sum.dropped += counters.dropped;
      sum.failures += counters.failures;
    }
    return sum;
  }

  /** Whether the last pictures were all one and the same, for long enough that only the heartbeat shows them. */
  get still(): boolean {
    return this.#last !== undefined && this.#options.clock.now() - this.#changedAt >= CLEARING;
  }

  /** As {@link Rendition.push}, to all that are there. */
  push(frame: RawFrame): void {
    const isStill = this.#last !== undefined && isSame(frame, this.#last);
    this.#last = frame;
    if (!isStill) this.#changedAt = this.#options.clock.now();
    for (const rendition of this.#all.values()) rendition.push(frame, isStill);
  }

  /** Wants this one, and a keyframe of it. */
  requestKeyframe(id: RenditionId): void {
    const rendition = this.#all.get(renditionName(id)) ?? this.#add(id);
    rendition.requestKeyframe();
  }

  /** Ends all others. */
  keep(wanted: readonly RenditionId[]): void {
    const names = new Set(wanted.map(renditionName));
    for (const [name, rendition] of this.#all) {
      if (names.has(name)) continue;
      rendition.stop();
      this.#all.delete(name);
    }
  }

  #add(id: RenditionId): Rendition {
    const { codec, level } = id;
    const { encoder, picture, ...options } = this.#options;
    const timestampOffset = this.#timestampOffset;
    const rendition = new Rendition({ ...options, level, timestampOffset, encoder: () => encoder(codec) });
    this.#all.set(renditionName(id), rendition);
    const first = picture();
    if (first) rendition.push(first);
    return rendition;
  }
}

/** Whether it shows and tells the same. Where they differ they do so early, as a rule. */
function isSame(one: RawFrame, other: RawFrame): boolean {
  const isAlike =
    one.format === other.format &&
    one.width === other.width &&
    one.height === other.height &&
    one.telemetry === other.telemetry;
  return isAlike && one.data.equals(other.data);
}
