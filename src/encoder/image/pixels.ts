/** Decodes picture files to pixels with sharp (libvips), both in the server and in the decoder process. */

import sharp from "sharp";
import { reasonOf } from "../../base/errors.ts";
import { checkSize, DECODE_TIMEOUT, DecodeError, refusal, type Size } from "./decode-error.ts";

// Pictures are small and each is decoded once: caches only cost memory, and more threads per picture are slower
// (480x270 JPEG: 1.1 ms with one thread, 2.0 ms with two).
sharp.cache(false);
sharp.concurrency(1);

// Raster formats only: the filters of an SVG can occupy a thread without limit.
sharp.block({ operation: ["VipsForeignLoad"] });
sharp.unblock({
  operation: ["Jpeg", "Png", "Webp", "Tiff", "Nsgif", "Heif"].map((kind) => `VipsForeignLoad${kind}`),
});

/** Packed RGB, 8 bits per channel, rows top down without padding. */
export interface Pixels extends Size {
  readonly data: Buffer;
}

const OPTIONS = { failOn: "warning", sequentialRead: true } as const;

/**
 * Checks a picture's header without decoding pixels.
 * @throws {DecodeError} if the header is invalid, or the size is beyond a limit.
 */
export async function checkHeader(data: Buffer, maxPixels: number): Promise<void> {
  try {
    // The library's own limit is off, because its error does not tell the size.
    checkSize(await sharp(data, { ...OPTIONS, limitInputPixels: false }).metadata(), maxPixels);
  } catch (error) {
    throw toDecodeError(error);
  }
}

/**
 * Decodes a picture to RGB, upright and without alpha.
 * @throws {DecodeError} if the picture is damaged, slow to decode, or has more than `maxPixels`.
 */
export async function toPixels(picture: Buffer, maxPixels: number): Promise<Pixels> {
  try {
    const { data, info } = await sharp(picture, { ...OPTIONS, limitInputPixels: maxPixels })
      .autoOrient()
      .toColourspace("srgb")
      .removeAlpha()
      .timeout({ seconds: DECODE_TIMEOUT / 1000 })
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data };
  } catch (error) {
    throw toDecodeError(error);
  }
}

function toDecodeError(error: unknown): DecodeError {
  if (error instanceof DecodeError) return error;
  const words = reasonOf(error);
  if (/^timeout: /.test(words)) return refusal("slow", error);
  if (/unsupported image format|Input Buffer is empty/i.test(words)) return refusal("unknown", error);
  return refusal("damaged", error);
}
