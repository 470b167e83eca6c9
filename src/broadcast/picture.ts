/** A sound picture in both of its forms: as pixels, and as it came. */

import { withSlot } from "../encoder/image/image-slots.ts";
import { encodeJpeg, thumbnailOf, withoutComments } from "../encoder/image/jpeg.ts";
import type { StreamUsage } from "../encoder/image/stream-usage.ts";
import type { ImageFrame, RawFrame, SourceFrame } from "../media/frame.ts";
import type { JpegFrame } from "../transport/mjpeg.ts";

export interface Picture {
  readonly raw: RawFrame;
  readonly source: SourceFrame;
}

/** As a JPEG, made in the stream's turn: one that came as such is passed on. */
export async function toJpeg({ raw, source }: Picture, use: StreamUsage): Promise<JpegFrame> {
  const { kind: _kind, format: _format, width: _width, height: _height, ...about } = raw;
  const passedOn = isJpeg(source) ? withoutComments(source.data) : undefined;
  return { ...about, data: passedOn ?? (await withSlot(use, () => encodeJpeg(raw))) };
}

/** How wide {@link toThumbnail}'s JPEG is at most, in pixels. */
const THUMBNAIL_WIDTH = 480;

/** As a small JPEG, to know the stream by, made in the stream's turn. */
export async function toThumbnail({ raw }: Picture, use: StreamUsage): Promise<JpegFrame> {
  const { kind: _kind, format: _format, width: _width, height: _height, ...about } = raw;
  return { ...about, data: await withSlot(use, () => thumbnailOf(raw, THUMBNAIL_WIDTH)) };
}

/** By its first bytes: what a publisher says that it is need not be so. */
function isJpeg(frame: SourceFrame): frame is ImageFrame {
  return frame.kind === "image" && frame.data[0] === 0xff && frame.data[1] === 0xd8;
}
