/** A picture that could be decoded, in two forms: as pixels, and as it came from the source. */
import { withSlot } from "../encoder/image/image-slots.ts";
import { encodeJpeg, thumbnailOf, withoutComments } from "../encoder/image/jpeg.ts";
import type { StreamUsage } from "../encoder/image/stream-usage.ts";
import type { ImageFrame, RawFrame, SourceFrame } from "../media/frame.ts";
import type { JpegFrame } from "../transport/mjpeg.ts";

/** A decoded picture. */
export interface Picture {
  readonly raw: RawFrame;
  readonly source: SourceFrame;
}

/** The picture as a JPEG: the source's own, without its comments, or one encoded when it is the stream's turn. */
export async function toJpeg({ raw, source }: Picture, use: StreamUsage): Promise<JpegFrame> {
  const { kind: _kind, format: _format, width: _width, height: _height, ...about } = raw;
  const passedOn = isJpeg(source) ? withoutComments(source.data) : undefined;
  return { ...about, data: passedOn ?? (await withSlot(use, () => encodeJpeg(raw))) };
}

/** In pixels, at most. */
const THUMBNAIL_WIDTH = 480;

/** The picture as a small JPEG for lists of streams, encoded when it is the stream's turn. */
export async function toThumbnail({ raw }: Picture, use: StreamUsage): Promise<JpegFrame> {
  const { kind: _kind, format: _format, width: _width, height: _height, ...about } = raw;
  return { ...about, data: await withSlot(use, () => thumbnailOf(raw, THUMBNAIL_WIDTH)) };
}

/** Looks at the first bytes, as a publisher's media type may be wrong. */
function isJpeg(frame: SourceFrame): frame is ImageFrame {
  return frame.kind === "image" && frame.data[0] === 0xff && frame.data[1] === 0xd8;
}
