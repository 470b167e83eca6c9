/** A stream's encoded frames for other servers: the contract with the room that forwards them, and its feeds. */
import type { Codec, EncodedFrame, RenditionId } from "../media/frame.ts";

/** Takes an encoded frame; must not throw. */
export type FrameTaker = (frame: EncodedFrame) => void;

/** An open feed of encoded frames. */
export interface Feed {
  /** Asks for a keyframe of the rendition of this level; requests that come together share one. */
  requestKeyframe(level: number): void;
  /** Feeds the rendition of this level in place of the only one before, from its next keyframe on, which it asks for. */
  move(level: number): void;
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

/** One feed: what it needs, and what it has begun to take. */
class OpenFeed {
  readonly #options: FeedsOptions;
  readonly #codec: Codec;
  readonly #take: FrameTaker;
  /** Those that it takes, each once a keyframe came. */
  #levels: readonly number[];
  readonly #begun = new Set<number>();
  /** The level that replaces its only one at the next keyframe. */
  #next: number | undefined;

  constructor(options: FeedsOptions, codec: Codec, levels: readonly number[], take: FrameTaker) {
    this.#options = options;
    this.#codec = codec;
    this.#levels = levels;
    this.#take = take;
  }

  get renditions(): RenditionId[] {
    const levels = this.#next === undefined ? this.#levels : [...this.#levels, this.#next];
    return levels.map((level) => ({ codec: this.#codec, level }));
  }

  /** As {@link Feed.requestKeyframe}. */
  requestKeyframe(level: number): void {
    const rendition = this.renditions.find((one) => one.level === level);
    if (rendition) this.#options.requestKeyframe(rendition);
  }

  /** As {@link Feed.move}. */
  move(level: number): void {
    if (this.#levels.length !== 1) return;
    this.#next = this.#levels.includes(level) ? undefined : level;
    this.#options.changed();
    this.requestKeyframe(level);
  }

  send(frame: EncodedFrame): void {
    const { codec, level, type } = frame;
    if (codec !== this.#codec) return;
    if (type === "key") {
      if (level === this.#next) this.#moved(level);
      this.#begun.add(level);
    }
    if (this.#levels.includes(level) && this.#begun.has(level)) this.#take(frame);
  }

  #moved(level: number): void {
    this.#levels = [level];
    this.#next = undefined;
    this.#options.changed();
  }
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
    const { changed } = this.#options;
    const feed = new OpenFeed(this.#options, codec, levels, take);
    this.#open.add(feed);
    changed();
    for (const level of levels) feed.requestKeyframe(level);
    return {
      requestKeyframe: (level) => {
        if (this.#open.has(feed)) feed.requestKeyframe(level);
      },
      move: (level) => {
        if (this.#open.has(feed)) feed.move(level);
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
