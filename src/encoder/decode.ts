/** Image file to pixels, by sharp (libvips). */
import { availableParallelism } from "node:os";
import sharp from "sharp";
import { type ImageFrame, MAX_SIDE, type RawFrame } from "../frame.ts";
import type { Cancel, Clock, Millis } from "../timing.ts";
import { Slots } from "./slots.ts";

// One small picture at a time: caches only cost memory, and more threads a picture made it slower
// (480x270 JPEG: 1.1 ms with one, 2.0 with two).
sharp.cache(false);
sharp.concurrency(1);

// Pictures only: an SVG is a program, whose filters hold a thread for as long as they like.
sharp.block({ operation: ["VipsForeignLoad"] });
sharp.unblock({
  operation: ["Jpeg", "Png", "Webp", "Tiff", "Nsgif", "Heif"].map((kind) => `VipsForeignLoad${kind}`),
});

/** One picture may take so long: it holds one of the process's few threads. */
const DECODE_WITHIN: Millis = 5000;

const TOO_SLOW = `they take longer than ${DECODE_WITHIN / 1000} seconds to decode`;

/** A picture that cannot be shown: torn, too large, too slow, or not an image. The message says which. */
export class DecodeError extends Error {
  readonly why: "too_large" | "too_slow" | "undecodable";

  constructor(why: DecodeError["why"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.why = why;
  }
}

/**
 * Decodes a picture to RGB, transparency dropped.
 * @param maxPixels refuses pictures of more pixels than this before they are decoded.
 * @throws {DecodeError} for anything but a whole, sound picture within the limit.
 */
export async function decode(frame: ImageFrame, maxPixels: number, clock: Clock): Promise<RawFrame> {
  try {
    const { data, info } = await sharp(frame.data, {
      failOn: "warning",
      limitInputPixels: maxPixels,
      sequentialRead: true,
    })
      .autoOrient()
      .toColourspace("srgb")
      .removeAlpha()
      .timeout({ seconds: DECODE_WITHIN / 1000 })
      .raw()
      .toBuffer({ resolveWithObject: true });
    if (Math.max(info.width, info.height) > MAX_SIDE) {
      const message = `they are ${info.width}x${info.height}, and no side may have more than ${MAX_SIDE} pixels`;
      throw new DecodeError("too_large", message);
    }
    const { type: _type, ...about } = frame;
    const timings = { ...frame.timings, decoded: clock.now() };
    return { ...about, kind: "raw", format: "rgb", width: info.width, height: info.height, data, timings };
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    if (/pixel limit/.test(message)) {
      throw new DecodeError("too_large", `they have more than the ${maxPixels} pixels allowed`, {
        cause: error,
      });
    }
    if (/^timeout: /.test(message)) throw new DecodeError("too_slow", TOO_SLOW, { cause: error });
    throw new DecodeError("undecodable", "they cannot be decoded", { cause: error });
  }
}

/** Of the process's few threads, files and MJPEG need some too; and this machine's cores are the encoders' as well. */
const slots = new Slots(Math.max(1, Math.min(2, availableParallelism() - 1)));

/** What holds a thread now, given up or not. */
const running = new Set<Promise<unknown>>();

/** Whether any picture is being decoded, waited for or given up. */
export function isDecoding(): boolean {
  return running.size > 0;
}

/** Resolves when none is any more: until then the process cannot end by itself. */
export async function decodingEnded(): Promise<void> {
  await Promise.allSettled(running);
}

/**
 * Decodes one picture at a time, and does not wait for one that takes too long. That cannot be stopped everywhere
 * in the library, so no other begins until it has ended: they would hold thread after thread.
 */
export class Decoder {
  readonly #clock: Clock;
  readonly #decode: (frame: ImageFrame) => Promise<RawFrame>;
  #stuck = false;
  #closed = false;
  /** What the last picture took. */
  #cost: Millis = 0;
  #stopWaiting: Cancel | undefined;

  /** @param run decodes; only tests pass their own. */
  constructor(maxPixels: number, clock: Clock, run = (frame: ImageFrame) => decode(frame, maxPixels, clock)) {
    this.#clock = clock;
    this.#decode = run;
  }

  /** @throws {DecodeError} */
  async decode(frame: ImageFrame): Promise<RawFrame> {
    if (this.#stuck) throw new DecodeError("too_slow", TOO_SLOW);
    const free = slots.takeNow() ?? (await slots.take(this.#cost));
    if (this.#closed) {
      free();
      throw new DecodeError("too_slow", TOO_SLOW);
    }
    const began = this.#clock.now();
    const decoding = this.#decode(frame);
    running.add(decoding);
    return new Promise((resolve, reject) => {
      this.#stopWaiting = this.#clock.after(DECODE_WITHIN, () => {
        this.#stuck = true;
        // Nobody else waits for it.
        free();
        reject(new DecodeError("too_slow", TOO_SLOW));
      });
      const ended = () => {
        running.delete(decoding);
        free();
        this.#cost = this.#clock.now() - began;
        this.#stopWaiting?.();
        this.#stuck = false;
      };
      decoding.finally(ended).then(resolve, reject);
    });
  }

  /** Leaves what is being decoded to itself. */
  close(): void {
    this.#closed = true;
    this.#stopWaiting?.();
  }
}
