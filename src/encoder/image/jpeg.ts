/** The JPEGs of the MJPEG side: made of pixels, or passed on without what is not the viewers' to know. */
import sharp from "sharp";
import type { RawFrame } from "../../media/frame.ts";
import { toRgb } from "../pixels/converter.ts";

/** 90 is what the render loops write; it is also where JPEG artefacts stop being visible. */
const QUALITY = 90;

/** So small it is looked at for what it shows. */
const THUMBNAIL_QUALITY = 75;

/** The frame as a baseline JPEG, 4:2:0. */
export async function encodeJpeg(frame: RawFrame): Promise<Buffer> {
  const { width, height, format } = frame;
  const direct = format === "rgb" || format === "rgba";
  const pixels = direct ? frame.data : await toRgb(frame);
  const channels = format === "rgba" ? 4 : 3;
  return sharp(pixels, { raw: { width, height, channels } }).jpeg({ quality: QUALITY }).toBuffer();
}

/** The picture no wider than `width`, as a JPEG for a thumbnail. */
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

/** More segments than any camera or program writes before the picture; a file can have millions, all empty. */
const MAX_SEGMENTS = 1000;

/**
 * The JPEG without its comments (ITU-T T.81, section B.2.4.5), in which Blender writes the scene's path on its disk.
 * What does not parse comes back as it is; undefined for one of so many segments that it is better made anew.
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
