/** The ingest source: broadcasts the frames that a publisher pushes, one publisher at a time. */

import type { Cancel, Clock, Millis } from "../../base/clock.ts";
import { Turns } from "../../base/turns.ts";
import type { SourceFrame } from "../../media/frame.ts";
import { MultipartError, MultipartParser, type Part } from "../../shared/multipart.ts";
import type { SourceState } from "../../shared/protocol.ts";
import type { Source, SourceSink } from "../source.ts";
import { frameOf, PartError } from "./part.ts";
import { Patience } from "./patience.ts";

const STOPPED = "The stream ends, or the server stops: publish again in a moment.";

export interface IngestOptions {
  /** A larger part is refused before it is held. */
  readonly maxBytes: number;
  readonly maxPixels: number;
  /** How long no picture may come, though somebody watches, until the source counts as stalled. */
  readonly stallAfter: Millis;
  readonly clock: Clock;
  /** The publisher that this server starts for it, if it does. */
  readonly own?: {
    /** What it shows, such as `scene.blend`. */
    readonly label: string;
    /** What its first picture waits for, in a few words. */
    readonly waiting: string;
  };
  /** Told, in a line, of every other publisher that comes or goes. */
  readonly log?: (line: string) => void;
}

/** One publisher's connection, as the source needs it. */
export interface Publisher {
  /** For everybody who watches, such as `publisher in the network`. */
  readonly label: string;
  /** For those who may publish too, such as `192.0.2.7`. */
  readonly address: string;
  /** Whether it is the one that this server has started. */
  readonly own?: boolean;
  /** What divides its parts; undefined where only its first line tells. */
  readonly boundary: string | undefined;
  /** Whether its clock is this machine's. */
  readonly sameClock: boolean;
  /** Called once, when the source drops it: the HTTP status, and a sentence for it. */
  dropped(status: number, message: string): void;
}

/** Takes what one publisher sends. After `dropped` it does nothing. */
export interface Feed {
  /** Keeps nothing of the chunk's memory once it has taken it. */
  push(chunk: Buffer): void;
  /** Resolves when it has taken all that was pushed: until then nothing may be pushed or ended. Undefined where it has. */
  working(): Promise<void> | undefined;
  /** The body has ended; true if with a whole part, or on purpose. ffmpeg sends no closing boundary. */
  end(): boolean;
  /** The connection was lost. */
  lost(): void;
}

/** Another publisher is there. */
export class TakenError extends Error {}

export class IngestSource implements Source {
  readonly #options: IngestOptions;
  readonly #counts: Record<string, number> = {};
  #sink: SourceSink | undefined;
  #publisher:
    | { readonly is: Publisher; readonly drop: (status: number, message: string) => void }
    | undefined;
  #label: string;
  #runs = 0;
  #frames = 0;
  #state: SourceState;
  /** Whether any publisher has ever sent a whole part. */
  #used = false;
  #unused: (() => void) | undefined;
  #watched = false;
  #lastPicture = 0;
  #goneAt: number;
  #stopTicking: Cancel | undefined;
  #closed = false;

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#label = options.own?.label ?? "a publisher";
    this.#state = options.own ? { kind: "waiting", why: options.own.waiting } : { kind: "waiting" };
    this.#goneAt = options.clock.now();
  }

  get label(): string {
    return this.#label;
  }

  /** How long there has been no publisher; 0 while there is one. */
  get abandonedFor(): Millis {
    return this.#publisher ? 0 : this.#options.clock.now() - this.#goneAt;
  }

  /** Whether a publisher is there, or was; that which this server starts is always meant to be. */
  get claim(): "now" | "before" | undefined {
    if (this.#publisher || this.#options.own) return "now";
    return this.#used ? "before" : undefined;
  }

  /** Calls when a publisher has gone and none has ever sent a whole part. */
  whenUnused(run: () => void): void {
    this.#unused = run;
  }

  async start(sink: SourceSink): Promise<void> {
    this.#sink = sink;
    sink.state(this.#state);
    this.#stopTicking = this.#options.clock.every(500, () => this.#checkStall());
  }

  demand(watched: boolean): void {
    // Who rests while nobody watches has not stalled: it gets its time from now on.
    if (watched && !this.#watched) this.#lastPicture = this.#options.clock.now();
    this.#watched = watched;
  }

  counters(): Readonly<Record<string, number>> {
    return this.#counts;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#publisher?.drop(503, STOPPED);
    this.#stopTicking?.();
    this.#sink = undefined;
  }

  /**
   * Lets a publisher in.
   * @param takeover sends the present one away.
   * @throws {TakenError} while another is there.
   */
  publish(publisher: Publisher, takeover: boolean): Feed {
    if (this.#publisher && !takeover) {
      throw new TakenError(
        `A publisher at ${this.#publisher.is.address} is there already: stop that first, or take it over with ?takeover and the token.`,
      );
    }
    this.#publisher?.drop(409, "Another publisher has taken over.");
    const feed = this.#admit(publisher);
    if (this.#closed) this.#publisher?.drop(503, STOPPED);
    return feed;
  }

  #admit(publisher: Publisher): Feed {
    const { clock, maxBytes, maxPixels, own } = this.#options;
    const { address } = publisher;
    const allocate = (bytes: number) => new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
    const parser = new MultipartParser(publisher.boundary, { maxPartBytes: maxBytes, allocate });
    const patience = new Patience(clock);
    const turns = new Turns(clock);
    let working: Promise<void> | undefined;
    let open = true;
    let firstFrame = true;
    let parts = 0;

    const log = (line: string) => {
      if (!publisher.own && !this.#closed) this.#options.log?.(line);
    };
    const leave = (state: "ended" | "crashed") => {
      open = false;
      stopListening();
      this.#publisher = undefined;
      this.#goneAt = clock.now();
      if (this.#state.kind !== "waiting") this.#setState({ kind: state, since: clock.now() });
      // Another may be taking its place right now.
      queueMicrotask(() => {
        if (!this.#used && !this.#publisher && !this.#closed) this.#unused?.();
      });
    };
    const drop = (status: number, message: string) => {
      if (!open) return;
      const what =
        parts > 0 ? `the publisher at ${address} was sent away` : `a publisher at ${address} was refused`;
      log(`${what}: ${message}`);
      leave("crashed");
      publisher.dropped(status, message);
    };
    const stopListening = clock.every(1000, () => {
      const why = patience.check();
      if (why === undefined) return;
      this.#count("silent");
      drop(408, why);
    });
    const take = (frame: SourceFrame) => {
      if (firstFrame) this.#runs++;
      firstFrame = false;
      this.#take(frame);
    };
    this.#publisher = { is: publisher, drop };
    this.#label = (publisher.own && own?.label) || publisher.label;

    const takePart = (part: Part) => {
      const received = clock.now();
      const nextNumber = this.#frames + 1;
      const frame = frameOf(part, { received, nextNumber, maxPixels, sameClock: publisher.sameClock });
      if (parts++ === 0) log(`a publisher at ${address} has come.`);
      this.#used = true;
      patience.whole();
      if (frame) take(frame);
    };
    const refuse = (error: unknown) => {
      const { status, fault, message } = refusalOf(error);
      this.#count(fault);
      drop(status, message);
    };
    function* partByPart(chunk: Buffer) {
      try {
        for (const part of parser.read(chunk)) {
          takePart(part);
          yield;
          if (!open) return;
        }
      } catch (error) {
        refuse(error);
      }
    }

    const feed: Feed = {
      push: (chunk) => {
        if (!open) return;
        patience.heard(chunk.length);
        working = turns.take(partByPart(chunk))?.finally(() => {
          working = undefined;
        });
      },
      working: () => working,
      end: () => {
        if (!open) return true;
        const { complete, ended } = parser;
        if (!complete) this.#count("cut_off");
        if (parts > 0) log(`the publisher at ${address} has ended${complete ? "" : " within a part"}.`);
        leave(complete ? "ended" : "crashed");
        return complete && (parts > 0 || ended);
      },
      lost: () => {
        if (!open) return;
        // What came before counts, and the closing boundary may be in it.
        if (working !== undefined) {
          void working.then(feed.lost);
          return;
        }
        if (!parser.ended) this.#count("lost");
        if (parts > 0) log(`the publisher at ${address} ${parser.ended ? "has ended" : "is lost"}.`);
        leave(parser.ended ? "ended" : "crashed");
      },
    };
    return feed;
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
    if (!this.#watched || !this.#publisher || this.#state.kind !== "live") return;
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

function refusalOf(error: unknown): { status: number; fault: string; message: string } {
  if (error instanceof PartError) return error;
  if (error instanceof MultipartError) {
    const status = error.code === "too-large" ? 413 : 400;
    return {
      status,
      fault: error.code === "too-large" ? "too_large" : "malformed",
      message: `${error.message}.`,
    };
  }
  throw error;
}
