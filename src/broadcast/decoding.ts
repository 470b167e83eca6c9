/** The first stage of a frame's way: decodes the newest frame of a source, and counts those that cannot be shown. */
import type { Clock } from "../base/clock.ts";
import { Latest } from "../base/latest.ts";
import type { Log } from "../base/log.ts";
import { releaseMemory } from "../base/memory.ts";
import { DecodeError, Decoder } from "../encoder/image/decode.ts";
import type { StreamUsage } from "../encoder/image/stream-usage.ts";
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
  readonly use: StreamUsage;
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
  #isPaused = true;
  /** The newest frame that came during the pause. */
  #unseen: SourceFrame | undefined;

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

  /** Whether frames are kept instead of decoded; so it is at first. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Decodes the frame next, in place of one that still waits; during a pause keeps only the newest. */
  push(frame: SourceFrame): void {
    if (this.#isPaused) {
      if (this.#unseen) releaseMemory(this.#unseen.data);
      this.#unseen = frame;
      return;
    }
    this.#options.metrics.stage("receive", frame.timings.received - frame.timings.captured);
    this.#frames.push(frame);
  }

  /** Decodes nothing from now on. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Ends the pause. @returns whether a frame came during it, which is decoded now. */
  resume(): boolean {
    this.#isPaused = false;
    const unseen = this.#unseen;
    this.#unseen = undefined;
    if (unseen) this.#frames.push(unseen);
    return unseen !== undefined;
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
