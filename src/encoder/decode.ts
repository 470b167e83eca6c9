/** Image file to pixels, by sharp (libvips). */
import sharp from "sharp";
import { type ImageFrame, MAX_SIDE, type RawFrame } from "../frame.ts";
import type { Clock } from "../timing.ts";

// One small picture at a time: caches only cost memory, and more threads a picture made it slower
// (480x270 JPEG: 1.1 ms with one, 2.0 with two).
sharp.cache(false);
sharp.concurrency(1);

// Pictures only: an SVG is a program, whose filters hold a thread for as long as they like.
sharp.block({ operation: ["VipsForeignLoad"] });
sharp.unblock({
  operation: ["Jpeg", "Png", "Webp", "Tiff", "Nsgif", "Heif"].map((kind) => `VipsForeignLoad${kind}`),
});

/** A picture that cannot be shown: torn, too large, or not an image. The message says which. */
export class DecodeError extends Error {
  readonly why: "too_large" | "undecodable";

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
    throw new DecodeError("undecodable", `they cannot be decoded (${message.trim()})`, { cause: error });
  }
}
