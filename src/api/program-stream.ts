/** A stream as a program uses it: publishes through the stream's ingest, and tells what happens to it. */
import { EventEmitter } from "node:events";
import type { Cancel } from "../base/clock.ts";
import type { Broadcast } from "../broadcast/broadcast.ts";
import type { SourceState, StreamInfo, Telemetry, ViewerInfo } from "../shared/protocol.ts";
import { type IngestSource, TakenError } from "../source/ingest/ingest.ts";
import { PartError } from "../source/ingest/part.ts";
import type { PublisherFeed } from "../source/ingest/publisher-feed.ts";
import { partOf } from "./part.ts";
import { PushError, type PushErrorCode } from "./push-error.ts";
import type { Frame, FrameDetails, Stream, StreamEvents } from "./types.ts";

/** What a program's stream needs of the server. */
export interface Published {
  readonly broadcast: Pick<Broadcast, "name" | "info" | "records" | "listen">;
  /** Undefined if the stream has another source. */
  readonly ingest: IngestSource | undefined;
}

/** The publisher's name in labels and log lines. */
const SELF = "this program";

/** A program's stream. It publishes from its first push on, and observes the stream from its start. */
export class ProgramStream implements Stream {
  readonly #published: Published;
  readonly #events = new EventEmitter<StreamEvents>();
  #feed: PublisherFeed | undefined;
  /** Why the stream took no more frames. */
  #refusal: PushError | undefined;
  #state: SourceState;
  #stopListening: Cancel | undefined;

  constructor(published: Published) {
    const { broadcast } = published;
    this.#published = published;
    this.#state = broadcast.info().state;
    broadcast.records.listen((event, viewer) => this.#emit(`viewer-${event}`, viewer));
    this.#listen();
  }

  get name(): string {
    return this.#published.broadcast.name;
  }

  /** Whether it is the stream of this broadcast. */
  observes(broadcast: unknown): boolean {
    return broadcast === this.#published.broadcast;
  }

  push(frame: Frame, data?: Telemetry, details: FrameDetails = {}): void {
    const part = partOf(frame, data, details);
    try {
      this.#feed ??= this.#publish();
      this.#feed.take(part);
    } catch (error) {
      throw refusalOf(error);
    }
  }

  end(): void {
    this.#feed?.end();
    this.#feed = undefined;
    // A stream that has listeners is never forgotten.
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  info(): StreamInfo {
    return this.#published.broadcast.info();
  }

  viewers(): ViewerInfo[] {
    return this.#published.broadcast.records.all();
  }

  on<Name extends keyof StreamEvents>(event: Name, listener: (...args: StreamEvents[Name]) => void): this {
    this.#events.on(event, listener as never);
    return this;
  }

  off<Name extends keyof StreamEvents>(event: Name, listener: (...args: StreamEvents[Name]) => void): this {
    this.#events.off(event, listener as never);
    return this;
  }

  #publish(): PublisherFeed {
    const { ingest } = this.#published;
    if (!ingest)
      throw new PushError("taken", `The stream '${this.name}' has another source: open another stream.`);
    this.#refusal = undefined;
    const dropped = (status: number, message: string) => {
      this.#feed = undefined;
      const isTaken = status === 409;
      this.#refusal = isTaken
        ? new PushError("taken", message)
        : new PushError("closed", `The stream '${this.name}' is closed: open it again, or start again.`);
    };
    const publisher = { label: SELF, address: SELF, boundary: undefined, sameClock: true, mayPause: true };
    const feed = ingest.publish({ ...publisher, dropped }, false);
    // A closed ingest drops the publisher before it returns.
    if (this.#refusal) throw this.#refusal;
    this.#listen();
    return feed;
  }

  #listen(): void {
    this.#stopListening ??= this.#published.broadcast.listen(({ state }) => {
      if (JSON.stringify(state) === JSON.stringify(this.#state)) return;
      this.#state = state;
      this.#emit("state", state);
    });
  }

  /** Emits after the present task: an error in a listener must not reach the server's own code. */
  #emit<Name extends keyof StreamEvents>(event: Name, ...args: StreamEvents[Name]): void {
    queueMicrotask(() => this.#events.emit(event, ...(args as never)));
  }
}

function refusalOf(error: unknown): unknown {
  if (error instanceof PartError)
    return new PushError(error.fault.replaceAll("_", "-") as PushErrorCode, error.message, { cause: error });
  if (error instanceof TakenError) {
    const message = "Another publisher sends to this stream: stop it first, or open another stream.";
    return new PushError("taken", message, { cause: error });
  }
  return error;
}
