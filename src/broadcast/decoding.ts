/** The first stage of a frame's way: decodes the newest frame of a source, and counts those that cannot be shown. */
import type { Clock } from "../base/clock.ts";
import { Latest } from "../base/latest.ts";
import type { Log } from "../base/log.ts";
import { DecodeError, Decoder } from "../encoder/image/decode.ts";
import type { Use } from "../encoder/image/slots.ts";
import type { SourceFrame } from "../media/frame.ts";
import type { Metrics } from "./metrics.ts";
import type { Picture } from "./picture.ts";
import { Refusals } from "./unshowable.ts";

/** What {@link Decoding} needs of its stream. */
export interface DecodingOptions {
  /** The stream's name. */
  readonly stream: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Larger pictures are refused. */
  readonly maxPixels: number;
  readonly use: Use;
  readonly log: Log;
  readonly decoded: (picture: Picture) => void;
  /** @param isProblem whether this frame made {@link Decoding.problem} change. */
  readonly refused: (isProblem: boolean) => void;
}

/** The decoding stage of one stream. */
export class Decoding {
  readonly #options: DecodingOptions;
  readonly #decoder: Decoder;
  readonly #frames = new Latest<SourceFrame>((frame) => this.#decode(frame));
  readonly #refusals: Refusals;

  constructor(options: DecodingOptions) {
    this.#options = options;
    const { stream, clock, maxPixels, use, log } = options;
    this.#decoder = new Decoder(maxPixels, clock, use);
    this.#refusals = new Refusals(clock, (line, fields) => log(`${stream}: ${line}`, fields));
  }

  /** How many frames were dropped for newer ones. */
  get dropped(): number {
    return this.#frames.dropped;
  }

  /** Why the pictures cannot be shown, a sentence for the user; undefined if they can. */
  get problem(): string | undefined {
    return this.#refusals.problem;
  }

  /** Decodes the frame next, in place of one that still waits. */
  push(frame: SourceFrame): void {
    this.#frames.push(frame);
  }

  /** A picture is shown. @returns whether that ended a {@link problem}. */
  shown(): boolean {
    return this.#refusals.shown();
  }

  /** Drops what waits, and ends the decoder. */
  close(): void {
    this.#frames.close();
    this.#decoder.close();
  }

  async #decode(frame: SourceFrame): Promise<void> {
    const { metrics, decoded, refused } = this.#options;
    try {
      const raw = frame.kind === "raw" ? frame : await this.#decoder.decode(frame);
      metrics.stage("decode", (raw.timings.decoded ?? raw.timings.received) - raw.timings.received);
      decoded({ raw, source: frame });
    } catch (error) {
      // A torn picture is an everyday event: the last good one stays.
      const why = error instanceof DecodeError ? error.why : "failed";
      metrics.refusedPicture(why);
      const [sentence, cause] =
        error instanceof DecodeError ? [error.message, error.cause] : ["they cannot be decoded", error];
      refused(this.#refusals.refused(sentence, why === "too_slow", cause));
    }
  }
}
