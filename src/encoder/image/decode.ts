/**
 * Decodes picture files to pixels. A plain JPEG is quick and decoded in this process; any other picture goes to a
 * process that can be killed (decision 0022).
 */

import type { Clock } from "../../base/clock.ts";
import type { ImageFrame, RawFrame } from "../../media/frame.ts";
import { checkSize, refusal } from "./decode-error.ts";
import { DecoderProcess } from "./decoder-process.ts";
import { isPicture } from "./formats.ts";
import { processSlots, withSlot } from "./image-slots.ts";
import { type Pixels, toPixels } from "./pixels.ts";
import { plainJpegSize } from "./plain-jpeg.ts";
import { StreamUsage } from "./stream-usage.ts";

export { DecodeError } from "./decode-error.ts";

/** Decodes the pictures of one stream. Call {@link decode} again only after it has settled. */
export class Decoder {
  readonly #maxPixels: number;
  readonly #clock: Clock;
  readonly #usage: StreamUsage;
  /** Usage of the decoder processes' slots: the work in this process has its own account. */
  readonly #processUsage: StreamUsage;
  readonly #process: DecoderProcess;
  #closed = false;

  /** @param usage of this process, by the stream that the pictures belong to. */
  constructor(maxPixels: number, clock: Clock, usage = new StreamUsage(clock), process?: DecoderProcess) {
    this.#maxPixels = maxPixels;
    this.#clock = clock;
    this.#usage = usage;
    this.#processUsage = new StreamUsage(clock);
    this.#process = process ?? new DecoderProcess(maxPixels, clock);
  }

  /**
   * Decodes a picture to packed RGB without alpha.
   * @throws {DecodeError} if the picture is damaged, of an unknown format, or beyond a limit.
   */
  async decode(frame: ImageFrame): Promise<RawFrame> {
    const { type: _type, ...about } = frame;
    const pixels = await this.#pixelsOf(frame.data);
    const timings = { ...frame.timings, decoded: this.#clock.now() };
    return { ...about, kind: "raw", format: "rgb", ...pixels, timings };
  }

  /** Kills the decoder process. A picture that it decodes now is refused. */
  close(): void {
    this.#closed = true;
    this.#process.kill("slow");
  }

  async #pixelsOf(picture: Buffer): Promise<Pixels> {
    if (!isPicture(picture)) throw refusal("unknown");
    const size = plainJpegSize(picture);
    if (!size) return this.#decodeInProcess(picture);
    checkSize(size, this.#maxPixels);
    return withSlot(this.#usage, () => toPixels(picture, this.#maxPixels));
  }

  async #decodeInProcess(picture: Buffer): Promise<Pixels> {
    if (this.#closed) throw refusal("slow");
    await this.#process.ready();
    const release = await processSlots.take(this.#processUsage, () => this.#process.kill("crowded"));
    try {
      if (this.#closed) throw refusal("slow");
      const { pixels, took } = await this.#process.decode(picture);
      release(took);
      return pixels;
    } finally {
      release();
    }
  }
}
