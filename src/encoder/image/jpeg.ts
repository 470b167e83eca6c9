/** JPEGs for MJPEG and snapshots: encodes pixels, and removes private comments from JPEGs that are passed on. */
import sharp from "sharp";
import type { RawFrame } from "../../media/frame.ts";
import { toRgb } from "../pixels/converter.ts";

/** Render loops write 90, and JPEG artefacts become invisible at that quality. */
const QUALITY = 90;

/** A thumbnail only helps to recognize the stream. */
const THUMBNAIL_QUALITY = 75;

/** Encodes a frame as a baseline JPEG with 4:2:0 chroma. Rejects if the encoder fails. */
export async function encodeJpeg(frame: RawFrame): Promise<Buffer> {
  const { width, height, format } = frame;
  const isRgb = format === "rgb" || format === "rgba";
  const pixels = isRgb ? frame.data : await toRgb(frame);
  const channels = format === "rgba" ? 4 : 3;
  return sharp(pixels, { raw: { width, height, channels } }).jpeg({ quality: QUALITY }).toBuffer();
}

/** Encodes a frame as a small JPEG of at most `width` pixels across. Rejects if the encoder fails. */
export async function thumbnailOf(frame: RawFrame, width: number): Promise<Buffer> {
  const pixels = frame.format === "rgb" ? frame.data : await toRgb(frame);
  const raw = { width: frame.width, height: frame.height, channels: 3 } as const;
  return sharp(pixels, { raw })
    .resize({ width, withoutEnlargement: true })
    .jpeg({ quality: THUMBNAIL_QUALITY })
    .toBuffer();
}

const MARKER = 0xff;
const START_OF_SCAN = 0xda;
const COMMENT = 0xfe;

/** Cameras and programs write fewer segments before the scan. A hostile file may have millions of empty ones. */
const MAX_SEGMENTS = 1000;

/**
 * Removes the comments of a JPEG (ITU-T T.81, section B.2.4.5): Blender writes the scene's local path into them.
 * Returns data without comments, or that does not parse, as it is, without a copy. Undefined if there are more than
 * {@link MAX_SEGMENTS} segments: encode the picture again instead.
 */
export function withoutComments(jpeg: Buffer): Buffer | undefined {
  const kept: Buffer[] = [];
  let from = 0;
  let segments = 0;
  for (let at = 2; at + 4 <= jpeg.length && jpeg[at] === MARKER; ) {
    const marker = jpeg[at + 1];
    if (marker === START_OF_SCAN) break;
    if (++segments > MAX_SEGMENTS) return undefined;
    const next = at + 2 + jpeg.readUInt16BE(at + 2);
    if (marker === COMMENT) {
      kept.push(jpeg.subarray(from, at));
      from = next;
    }
    at = next;
  }
  return from === 0 ? jpeg : Buffer.concat([...kept, jpeg.subarray(from)]);
}
