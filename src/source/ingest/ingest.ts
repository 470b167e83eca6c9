/** The ingest source: broadcasts the frames that a publisher pushes. It takes one publisher at a time. */

import type { Cancel, Clock, Millis } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { SourceFrame } from "../../media/frame.ts";
import type { SourceState } from "../../shared/protocol.ts";
import type { Source, SourceSink } from "../source.ts";
import type { PartLimits } from "./part-limits.ts";
import { type Publisher, PublisherFeed } from "./publisher-feed.ts";

const STOPPED = "The stream ends, or the server stops: publish again in a moment.";

/** The parameters of an {@link IngestSource}. */
export interface IngestOptions extends PartLimits {
  /** The source counts as stalled if no picture comes for this long while somebody watches. */
  readonly stallAfter: Millis;
  readonly clock: Clock;
  /** Set if this server starts a publisher for the stream. */
  readonly own?: {
    /** What it shows, such as `scene.blend`. */
    readonly label: string;
    /** The reason given to viewers until its first picture comes, in a few words. */
    readonly waiting: string;
  };
  /** Takes a line for each other publisher that connects or leaves. */
  readonly log?: Log;
}

/** The stream has a publisher already. The message says what to do. */
export class TakenError extends Error {}

/** The source of a stream that publishers push to. */
export class IngestSource implements Source {
  readonly #options: IngestOptions;
  readonly #counts: Record<string, number> = {};
  #sink: SourceSink | undefined;
  #feed: PublisherFeed | undefined;
  #label: string;
  #runs = 0;
  #frames = 0;
  #state: SourceState;
  /** Whether any publisher has ever sent a whole part. */
  #used = false;
  #unused: (() => void) | undefined;
  #watched = false;
  #lastPicture = 0;
  #leftAt: number;
  #stopTicking: Cancel | undefined;
  #closed = false;

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#label = options.own?.label ?? "a publisher";
    this.#state = options.own ? { kind: "waiting", why: options.own.waiting } : { kind: "waiting" };
    this.#leftAt = options.clock.now();
  }

  get label(): string {
    return this.#label;
  }

  /** Time without a publisher; 0 while there is one. */
  get abandonedFor(): Millis {
    return this.#feed ? 0 : this.#options.clock.now() - this.#leftAt;
  }

  /** `now` if there is a publisher or this server starts one, `before` if there was one. */
  get claim(): "now" | "before" | undefined {
    if (this.#feed || this.#options.own) return "now";
    return this.#used ? "before" : undefined;
  }

  /** Calls `run` whenever a publisher leaves and none has ever sent a whole part. */
  whenUnused(run: () => void): void {
    this.#unused = run;
  }

  async start(sink: SourceSink): Promise<void> {
    this.#sink = sink;
    sink.state(this.#state);
    this.#stopTicking = this.#options.clock.every(500, () => this.#checkStall());
  }

  demand(watched: boolean): void {
    // A publisher may pause while nobody watches: the stall timeout starts with the first viewer.
    if (watched && !this.#watched) this.#lastPicture = this.#options.clock.now();
    this.#watched = watched;
  }

  counters(): Readonly<Record<string, number>> {
    return this.#counts;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#feed?.drop(503, STOPPED);
    this.#stopTicking?.();
    this.#sink = undefined;
  }

  /**
   * Admits a publisher.
   * @param takeover disconnects the present publisher.
   * @throws {TakenError} if there is a publisher and no takeover.
   */
  publish(publisher: Publisher, takeover: boolean): PublisherFeed {
    if (this.#feed && !takeover) {
      throw new TakenError(
        `A publisher at ${this.#feed.publisher.address} is connected already: stop it first, or take over with ?takeover and the token.`,
      );
    }
    this.#feed?.drop(409, "Another publisher has taken over.");
    const feed = this.#admit(publisher);
    if (this.#closed) this.#feed?.drop(503, STOPPED);
    return feed;
  }

  #admit(publisher: Publisher): PublisherFeed {
    const { clock, maxBytes, maxPixels, own } = this.#options;
    const feed = new PublisherFeed(publisher, {
      clock,
      maxBytes,
      maxPixels,
      nextNumber: () => this.#frames + 1,
      partTaken: () => {
        this.#used = true;
      },
      frame: (frame, isFirst) => {
        if (isFirst) this.#runs++;
        this.#take(frame);
      },
      count: (what) => this.#count(what),
      left: (state) => this.#leave(state),
      log: (line, fields) => {
        if (!publisher.own && !this.#closed) this.#options.log?.(line, fields);
      },
    });
    this.#feed = feed;
    this.#label = (publisher.own && own?.label) || publisher.label;
    return feed;
  }

  #leave(state: "ended" | "crashed"): void {
    const now = this.#options.clock.now();
    this.#feed = undefined;
    this.#leftAt = now;
    if (this.#state.kind !== "waiting") this.#setState({ kind: state, since: now });
    // A takeover admits the next publisher at once.
    queueMicrotask(() => {
      if (!this.#used && !this.#feed && !this.#closed) this.#unused?.();
    });
  }

  #take(frame: SourceFrame): void {
    this.#frames = Math.max(frame.number, this.#frames + 1);
    this.#lastPicture = frame.timings.received;
    this.#count("taken");
    if (this.#state.kind !== "live" || this.#state.run !== this.#runs) {
      this.#setState({ kind: "live", since: frame.timings.received, run: this.#runs });
    }
    this.#sink?.frame(frame);
  }

  #checkStall(): void {
    const { clock, stallAfter } = this.#options;
    if (!this.#watched || !this.#feed || this.#state.kind !== "live") return;
    if (clock.now() - this.#lastPicture > stallAfter)
      this.#setState({ kind: "stalled", since: this.#lastPicture });
  }

  #setState(state: SourceState): void {
    this.#state = state;
    this.#sink?.state(state);
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }
}
