/** Image file to pixels: a plain JPEG in this process, which is quick, and any other picture where it can be killed. */
import type { ImageFrame, RawFrame } from "../frame.ts";
import type { Clock } from "../timing.ts";
import { checkSize, refusal } from "./decoding/error.ts";
import { isPicture } from "./decoding/formats.ts";
import { OutsideDecoder } from "./decoding/outside.ts";
import { type Pixels, toPixels } from "./decoding/pixels.ts";
import { plainJpegSize } from "./decoding/plain-jpeg.ts";
import { Use } from "./slots.ts";
import { inTurn, outside } from "./turn.ts";

export { DecodeError } from "./decoding/error.ts";

/** Decodes a stream's pictures, one at a time. */
export class Decoder {
  readonly #maxPixels: number;
  readonly #clock: Clock;
  readonly #use: Use;
  /** Of the places outside: what it takes of this process is another account. */
  readonly #outsideUse: Use;
  readonly #outside: OutsideDecoder;
  #closed = false;

  /** @param use of this process, by the stream whose pictures these are. */
  constructor(maxPixels: number, clock: Clock, use = new Use(clock), outside?: OutsideDecoder) {
    this.#maxPixels = maxPixels;
    this.#clock = clock;
    this.#use = use;
    this.#outsideUse = new Use(clock);
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
    const end = await outside.take(this.#outsideUse, () => this.#outside.kill("crowded"));
    try {
      if (this.#closed) throw refusal("slow");
      const { pixels, took } = await this.#outside.decode(picture);
      end(took);
      return pixels;
    } finally {
      end();
    }
  }
}
