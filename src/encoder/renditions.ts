/** All renditions of one stream: each starts with its first viewer and stops after its last. */
import { type Codec, type RawFrame, type RenditionId, renditionName } from "../media/frame.ts";
import type { VideoEncoder } from "./encoder.ts";
import { REFINEMENT_DURATION, Rendition, type RenditionOptions } from "./rendition.ts";

/** The parameters of {@link Renditions}. */
export interface RenditionsOptions extends Omit<RenditionOptions, "encoder" | "level" | "timestampOffset"> {
  /** Makes an encoder, not yet open. */
  readonly encoder: (codec: Codec) => VideoEncoder;
  /** The picture that a new rendition encodes first; undefined if there is none. */
  readonly picture: () => RawFrame | undefined;
}

/** Starts, feeds and stops the renditions of one stream. */
export class Renditions {
  readonly #options: RenditionsOptions;
  readonly #all = new Map<string, Rendition>();
  #last: RawFrame | undefined;
  #changedAt: number = Number.NEGATIVE_INFINITY;
  /** Random, as RFC 3550, section 5.1, recommends. */
  readonly #timestampOffset = Math.floor(Math.random() * 2 ** 32);

  constructor(options: RenditionsOptions) {
    this.#options = options;
  }

  /** The sums over the present renditions. */
  get counters(): { readonly dropped: number; readonly failures: number } {
    const sum = { dropped: 0, failures: 0 };
    for (const { counters } of this.#all.values()) {
      sum.dropped += counters.dropped;
      sum.failures += counters.failures;
    }
    return sum;
  }

  /** Whether the picture has not changed for so long that only the heartbeat is encoded. */
  get still(): boolean {
    return this.#last !== undefined && this.#options.clock.now() - this.#changedAt >= REFINEMENT_DURATION;
  }

  /** Passes the frame to all present renditions, see {@link Rendition.push}. */
  push(frame: RawFrame): void {
    const isStill = this.#last !== undefined && isSame(frame, this.#last);
    this.#last = frame;
    if (!isStill) this.#changedAt = this.#options.clock.now();
    for (const rendition of this.#all.values()) rendition.push(frame, isStill);
  }

  /** Starts the rendition if necessary, and requests a keyframe of it. */
  requestKeyframe(id: RenditionId): void {
    const rendition = this.#all.get(renditionName(id)) ?? this.#add(id);
    rendition.requestKeyframe();
  }

  /** Stops all renditions but these. */
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

/** Whether pixels and telemetry are equal. Cheap, because different pictures usually differ in early bytes. */
function isSame(one: RawFrame, other: RawFrame): boolean {
  const isAlike =
    one.format === other.format &&
    one.width === other.width &&
    one.height === other.height &&
    one.telemetry === other.telemetry;
  return isAlike && one.data.equals(other.data);
}
