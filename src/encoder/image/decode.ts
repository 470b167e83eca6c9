/** Image file to pixels: a plain JPEG in this process, which is quick, and any other picture where it can be killed. */

import type { Clock } from "../../base/clock.ts";
import type { ImageFrame, RawFrame } from "../../media/frame.ts";
import { isPicture } from "./formats.ts";
import { checkSize, refusal } from "./decode-error.ts";
import { OutsideDecoder } from "./decoder-process.ts";
import { type Pixels, toPixels } from "./pixels.ts";
import { plainJpegSize } from "./plain-jpeg.ts";
import { Use } from "./fair-slots.ts";
import { inTurn, outside } from "./decode-slots.ts";

export { DecodeError } from "./decode-error.ts";

/** Decodes a stream's pictures, one at a time. */
export class Decoder {
  readonly #maxPixels: number;
  readonly #clock: Clock;
  readonly #use: Use;
  readonly #outside: OutsideDecoder;
  #closed = false;

  /** @param use of the stream whose pictures these are. */
  constructor(maxPixels: number, clock: Clock, use = new Use(clock), outside?: OutsideDecoder) {
    this.#maxPixels = maxPixels;
    this.#clock = clock;
    this.#use = use;
    this.#outside = outside ?? new OutsideDecoder(maxPixels, clock);
  }

  /**
   * Decodes a picture to RGB, transparency dropped.
   * @throws {DecodeError} for anything but a whole, sound picture within the limits.
   */
  async decode(frame: ImageFrame): Promise<RawFrame> {
    const { type: _type, ...about } = frame;
    const pixels = await this.#pixelsOf(frame.data);
    const timings = { ...frame.timings, decoded: this.#clock.now() };
    return { ...about, kind: "raw", format: "rgb", ...pixels, timings };
  }

  /** Kills what decodes. */
  close(): void {
    this.#closed = true;
    this.#outside.kill("slow");
  }

  async #pixelsOf(picture: Buffer): Promise<Pixels> {
    if (!isPicture(picture)) throw refusal("unknown");
    const size = plainJpegSize(picture);
    if (!size) return this.#decodeOutside(picture);
    checkSize(size, this.#maxPixels);
    return inTurn(this.#use, () => toPixels(picture, this.#maxPixels));
  }

  async #decodeOutside(picture: Buffer): Promise<Pixels> {
    if (this.#closed) throw refusal("slow");
    await this.#outside.ready();
    const end = await outside.take(this.#use, () => this.#outside.kill("crowded"));
    try {
      if (this.#closed) throw refusal("slow");
      return await this.#outside.decode(picture);
    } finally {
      end();
    }
  }
}
