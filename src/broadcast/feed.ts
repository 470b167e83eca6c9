/** A stream's encoded frames for other servers: the contract with the room that forwards them, and its feeds. */
import type { Codec, EncodedFrame, RenditionId } from "../media/frame.ts";

/** Takes an encoded frame; must not throw. */
export type FrameTaker = (frame: EncodedFrame) => void;

/** An open feed of encoded frames. */
export interface Feed {
  /** Asks for a keyframe of the rendition of this level; requests that come together share one. */
  requestKeyframe(level: number): void;
  /** Ends the feed: no frame comes after. */
  stop(): void;
}

/** A stream that can be forwarded. */
export interface Forwarded {
  readonly name: string;
  /** Feeds each frame of the renditions of these levels, each from its next keyframe on. */
  forward(codec: Codec, levels: readonly number[], take: FrameTaker): Feed;
}

/** What {@link Feeds} needs of its stream. */
export interface FeedsOptions {
  /** A feed began or ended. */
  readonly changed: () => void;
  /** Makes the next frame of the rendition a keyframe. */
  readonly requestKeyframe: (rendition: RenditionId) => void;
}

interface OpenFeed {
  readonly renditions: readonly RenditionId[];
  readonly send: FrameTaker;
}

/** The open feeds of one stream. */
export class Feeds {
  readonly #options: FeedsOptions;
  readonly #open = new Set<OpenFeed>();

  constructor(options: FeedsOptions) {
    this.#options = options;
  }

  /** How many feeds are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Opens a feed, as {@link Forwarded.forward}. */
  add(codec: Codec, levels: readonly number[], take: FrameTaker): Feed {
    const { changed, requestKeyframe } = this.#options;
    const begun = new Set<number>();
    const feed: OpenFeed = {
      renditions: levels.map((level) => ({ codec, level })),
      send: (frame) => {
        if (frame.codec !== codec || !levels.includes(frame.level)) return;
        if (frame.type === "key") begun.add(frame.level);
        if (begun.has(frame.level)) take(frame);
      },
    };
    this.#open.add(feed);
    changed();
    for (const rendition of feed.renditions) requestKeyframe(rendition);
    return {
      requestKeyframe: (level) => {
        if (this.#open.has(feed) && levels.includes(level)) requestKeyframe({ codec, level });
      },
      stop: () => {
        if (this.#open.delete(feed)) changed();
      },
    };
  }

  /** All renditions that feeds need, some of them more than once. */
  renditions(): RenditionId[] {
    return [...this.#open].flatMap(({ renditions }) => renditions);
  }

  /** Sends the frame to the feeds of its rendition. */
  send(frame: EncodedFrame): void {
    for (const feed of this.#open) feed.send(frame);
  }
}
