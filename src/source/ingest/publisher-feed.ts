/** The connection of one publisher: parses what it sends, and refuses it with a reason if it is wrong or too slow. */

import type { Cancel, Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { Turns } from "../../base/turns.ts";
import type { SourceFrame } from "../../media/frame.ts";
import { MultipartError, MultipartParser, type Part } from "../../shared/multipart.ts";
import { frameOf, PartError } from "./part.ts";
import type { PartLimits } from "./part-limits.ts";
import { PublisherTimeout } from "./publisher-timeout.ts";

/** One publisher, as its transport describes it. */
export interface Publisher {
  /** For all viewers, such as `publisher in the network`. */
  readonly label: string;
  /** For users who may publish too, such as `192.0.2.7`. */
  readonly address: string;
  /** Whether this server started it. */
  readonly own?: boolean;
  /** The multipart boundary; undefined takes that of the first line. */
  readonly boundary: string | undefined;
  /** Whether its clock is this machine's. */
  readonly sameClock: boolean;
  /** Whether it may stay silent: a program of this process has no connection that could be lost. */
  readonly mayPause?: boolean;
  /** Called at most once, when the source disconnects it: the HTTP status, and a sentence for the publisher. */
  dropped(status: number, message: string): void;
}

/** What a feed needs, and where its frames and events go. */
export interface FeedOptions extends PartLimits {
  readonly clock: Clock;
  /** The number of a frame without one of its own. */
  readonly nextNumber: () => number;
  /** A whole part came, with or without a frame. */
  readonly partTaken: () => void;
  /** Takes each frame. The frame's memory is the receiver's. */
  readonly frame: (frame: SourceFrame, isFirst: boolean) => void;
  /** Counts an event for `/metrics`, such as `too_large`. */
  readonly count: (what: string) => void;
  /** The publisher is gone; called once. */
  readonly left: (state: "ended" | "crashed") => void;
  readonly log: Log;
}

/** Takes the bytes of one publisher. It ignores all calls after the publisher was dropped. */
export class PublisherFeed {
  readonly publisher: Publisher;
  readonly #options: FeedOptions;
  readonly #parser: MultipartParser;
  readonly #timeout: PublisherTimeout;
  readonly #turns: Turns;
  readonly #stopChecks: Cancel;
  #working: Promise<void> | undefined;
  #open = true;
  #parts = 0;
  #hasFrame = false;

  constructor(publisher: Publisher, options: FeedOptions) {
    const { clock, maxBytes } = options;
    this.publisher = publisher;
    this.#options = options;
    // Memory of its own for each body, not zeroed: it is given back as soon as the frame is not needed any more.
    const allocate = (bytes: number) => new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
    this.#parser = new MultipartParser(publisher.boundary, { maxPartBytes: maxBytes, allocate });
    this.#timeout = new PublisherTimeout(clock);
    this.#turns = new Turns(clock);
    this.#stopChecks = publisher.mayPause ? () => {} : clock.every(1000, () => this.#checkTimeout());
  }

  /** Takes a chunk of the body. The chunk's memory is free again when {@link working} returns undefined or resolves. */
  push(chunk: Buffer): void {
    if (!this.#open) return;
    this.#timeout.received(chunk.length);
    this.#working = this.#turns.take(this.#partByPart(chunk))?.finally(() => {
      this.#working = undefined;
    });
  }

  /**
   * Takes a whole part of a publisher without a connection, which stays connected after an error.
   * @throws {PartError} if the part violates the protocol or exceeds a limit.
   */
  take(part: Part): void {
    if (!this.#open) return;
    const { maxBytes, count } = this.#options;
    try {
      if (part.body.length > maxBytes) {
        const message = `A picture of ${part.body.length} bytes is more than the ${maxBytes} bytes allowed.`;
        throw new PartError(413, "too_large", message);
      }
      this.#takePart(part);
    } catch (error) {
      count(refusalOf(error).fault);
      throw error;
    }
  }

  /** Resolves when the last chunk is processed; no `push` or `end` before that. Undefined if it is already. */
  working(): Promise<void> | undefined {
    return this.#working;
  }

  /** The body has ended. Returns false if it ended within a part, or has no parts. ffmpeg sends no closing boundary. */
  end(): boolean {
    if (!this.#open) return true;
    const { complete, ended } = this.#parser;
    if (!complete) this.#options.count("cut_off");
    this.#logIfTaken(complete ? "ended" : "ended within a part");
    this.#leave(complete ? "ended" : "crashed");
    return complete && (this.#parts > 0 || ended);
  }

  /** The connection was lost. */
  lost(): void {
    if (!this.#open) return;
    // Parts that came before the loss count, and the closing boundary may be among them.
    if (this.#working !== undefined) {
      void this.#working.then(() => this.lost());
      return;
    }
    const { ended } = this.#parser;
    if (!ended) this.#options.count("lost");
    this.#logIfTaken(ended ? "ended" : "lost its connection");
    this.#leave(ended ? "ended" : "crashed");
  }

  /** Disconnects the publisher with an HTTP status and a sentence. */
  drop(status: number, message: string): void {
    if (!this.#open) return;
    const { address } = this.publisher;
    this.#options.log(
      this.#parts > 0
        ? `the publisher at ${address} was disconnected: ${message}`
        : `a publisher at ${address} was refused: ${message}`,
    );
    this.#leave("crashed");
    this.publisher.dropped(status, message);
  }

  *#partByPart(chunk: Buffer): Generator<void, void> {
    try {
      for (const part of this.#parser.read(chunk)) {
        this.#takePart(part);
        yield;
        if (!this.#open) return;
      }
    } catch (error) {
      const { status, fault, message } = refusalOf(error);
      this.#options.count(fault);
      this.drop(status, message);
    }
  }

  #takePart(part: Part): void {
    const { clock, maxPixels, nextNumber, partTaken, log } = this.#options;
    const { address, sameClock } = this.publisher;
    const received = clock.now();
    const frame = frameOf(part, { received, nextNumber: nextNumber(), maxPixels, sameClock });
    if (this.#parts++ === 0) log(`a publisher at ${address} connected.`);
    partTaken();
    this.#timeout.partComplete();
    if (!frame) return;
    const isFirst = !this.#hasFrame;
    this.#hasFrame = true;
    this.#options.frame(frame, isFirst);
  }

  #checkTimeout(): void {
    const why = this.#timeout.check();
    if (why === undefined) return;
    this.#options.count("silent");
    this.drop(408, why);
  }

  #leave(state: "ended" | "crashed"): void {
    this.#open = false;
    this.#stopChecks();
    this.#options.left(state);
  }

  /** A connection without a whole part is not worth a line. */
  #logIfTaken(what: string): void {
    if (this.#parts > 0) this.#options.log(`the publisher at ${this.publisher.address} ${what}.`);
  }
}

function refusalOf(error: unknown): { status: number; fault: string; message: string } {
  if (error instanceof PartError) return error;
  if (error instanceof MultipartError) {
    const [status, fault] = error.code === "too-large" ? [413, "too_large"] : [400, "malformed"];
    return { status, fault, message: `${error.message}.` };
  }
  throw error;
}
