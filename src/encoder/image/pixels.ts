/** Image file to pixels, by sharp (libvips), in whichever process this is. */

import sharp from "sharp";
import { reasonOf } from "../../base/errors.ts";
import { checkSize, DECODE_WITHIN, DecodeError, refusal, type Size } from "./decode-error.ts";

// One small picture at a time: caches only cost memory, and more threads a picture made it slower
// (480x270 JPEG: 1.1 ms with one, 2.0 with two).
sharp.cache(false);
sharp.concurrency(1);

// Pictures only: an SVG is a program, whose filters hold a thread for as long as they like.
sharp.block({ operation: ["VipsForeignLoad"] });
sharp.unblock({
  operation: ["Jpeg", "Png", "Webp", "Tiff", "Nsgif", "Heif"].map((kind) => `VipsForeignLoad${kind}`),
});

/** Packed RGB, 8 bits a channel, rows top down. */
export interface Pixels extends Size {
  readonly data: Buffer;
}

const OPTIONS = { failOn: "warning", sequentialRead: true } as const;

/**
 * Reads a picture's header, and decodes none of its pixels.
 * @throws {DecodeError} for a picture that has none, or one of a size beyond the limits.
 */
export async function checkHeader(data: Buffer, maxPixels: number): Promise<void> {
  try {
    // The library's own limit is off: its refusal has no size to tell.
    checkSize(await sharp(data, { ...OPTIONS, limitInputPixels: false }).metadata(), maxPixels);
  } catch (error) {
    throw ours(error);
  }
}

/**
 * Decodes a picture to RGB, transparency dropped.
 * @throws {DecodeError} for anything but a whole, sound picture of no more pixels than this.
 */
export async function toPixels(picture: Buffer, maxPixels: number): Promise<Pixels> {
  try {
    const { data, info } = await sharp(picture, { ...OPTIONS, limitInputPixels: maxPixels })
      .autoOrient()
      .toColourspace("srgb")
      .removeAlpha()
      .timeout({ seconds: DECODE_WITHIN / 1000 })
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data };
  } catch (error) {
    throw ours(error);
  }
}

function ours(error: unknown): DecodeError {
  if (error instanceof DecodeError) return error;
  const words = reasonOf(error);
  if (/^timeout: /.test(words)) return refusal("slow", error);
  if (/unsupported image format|Input Buffer is empty/i.test(words)) return refusal("unknown", error);
  return refusal("damaged", error);
}
