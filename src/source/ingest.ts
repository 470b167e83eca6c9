/** The ingest source: broadcasts the frames that a publisher pushes, one publisher at a time. */
import type { SourceFrame } from "../frame.ts";
import { MultipartError, MultipartParser } from "../signaling/multipart.ts";
import type { SourceState } from "../signaling/protocol.ts";
import type { Cancel, Clock, Millis } from "../timing.ts";
import { frameOf, PartError } from "./ingest/part.ts";
import type { Source, SourceSink } from "./source.ts";

/** A publisher of which nothing was heard for this long is dropped. */
const SILENCE: Millis = 10_000;

const STOPPED = "The stream ends, or the server stops: publish again in a moment.";

export interface IngestOptions {
  /** A larger part is refused before it is held. */
  readonly maxBytes: number;
  readonly maxPixels: number;
  /** How long no picture may come, though somebody watches, until the source counts as stalled. */
  readonly stallAfter: Millis;
  readonly clock: Clock;
}

/** One publisher's connection, as the source needs it. */
export interface Publisher {
  /** For everybody who watches, such as `publisher in the network`. */
  readonly label: string;
  /** For those who may publish too, such as `192.0.2.7`. */
  readonly address: string;
  /** What divides its parts; undefined where only its first line tells. */
  readonly boundary: string | undefined;
  /** Whether its clock is this machine's. */
  readonly sameClock: boolean;
  /** Called once, when the source drops it: the HTTP status, and a sentence for it. */
  dropped(status: number, message: string): void;
}

/** Takes what one publisher sends. After `dropped` it does nothing. */
export interface Feed {
  push(chunk: Buffer): void;
  /** The body has ended; true if with a whole part. ffmpeg sends no closing boundary. */
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
  #label = "a publisher";
  #runs = 0;
  #frames = 0;
  #state: SourceState = { kind: "waiting" };
  #watched = false;
  #lastPicture = 0;
  #goneAt: number;
  #stopTicking: Cancel | undefined;
  #closed = false;

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#goneAt = options.clock.now();
  }

  get label(): string {
    return this.#label;
  }

  /** How long there has been no publisher; 0 while there is one. */
  get abandonedFor(): Millis {
    return this.#publisher ? 0 : this.#options.clock.now() - this.#goneAt;
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
    const { clock, maxBytes, maxPixels } = this.#options;
    const allocate = (bytes: number) => new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
    const parser = new MultipartParser(publisher.boundary, { maxPartBytes: maxBytes, allocate });
    let lastHeard = clock.now();
    let open = true;
    let firstFrame = true;

    const leave = (state: "ended" | "crashed") => {
      open = false;
      stopListening();
      this.#publisher = undefined;
      this.#goneAt = clock.now();
      if (this.#state.kind !== "waiting") this.#setState({ kind: state, since: clock.now() });
    };
    const drop = (status: number, message: string) => {
      if (!open) return;
      leave("crashed");
      publisher.dropped(status, message);
    };
    const stopListening = clock.every(1000, () => {
      if (clock.now() - lastHeard <= SILENCE) return;
      this.#count("silent");
      drop(
        408,
        `Nothing came for ${SILENCE / 1000} seconds: send an idle part each second while there is no picture.`,
      );
    });
    const take = (frame: SourceFrame) => {
      if (firstFrame) this.#runs++;
      firstFrame = false;
      this.#take(frame);
    };
    this.#publisher = { is: publisher, drop };
    this.#label = publisher.label;

    return {
      push: (chunk) => {
        if (!open) return;
        lastHeard = clock.now();
        try {
          for (const part of parser.read(chunk)) {
            const received = clock.now();
            const nextNumber = this.#frames + 1;
            const frame = frameOf(part, { received, nextNumber, maxPixels, sameClock: publisher.sameClock });
            if (frame) take(frame);
          }
        } catch (error) {
          const { status, fault, message } = refusalOf(error);
          this.#count(fault);
          drop(status, message);
        }
      },
      end: () => {
        if (!open) return true;
        if (!parser.complete) this.#count("cut_off");
        leave(parser.complete ? "ended" : "crashed");
        return parser.complete;
      },
      lost: () => {
        if (!open) return;
        if (!parser.ended) this.#count("lost");
        leave(parser.ended ? "ended" : "crashed");
      },
    };
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
