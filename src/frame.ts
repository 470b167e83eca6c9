/**
 * The nouns for media. A source hands over a {@link SourceFrame}; decoding makes it a {@link RawFrame}
 * (pixels); encoding makes that an {@link EncodedFrame} (bitstream). Their bytes are never written to
 * once handed on, so one frame may be shared by every stage and viewer.
 */
import type { FrameTimings } from "./timing.ts";

interface Frame {
  /** Counts the frames of one source, from 1. */
  readonly number: number;
  readonly timings: FrameTimings;
}

/** A picture in a file format, as a render loop wrote it. */
export interface ImageFrame extends Frame {
  readonly kind: "image";
  /** Its media type, such as `image/jpeg`. */
  readonly type: string;
  readonly data: Buffer;
}

/** Bytes per pixel of each packed layout, 8 bits a channel, rows top down without padding. */
export const BYTES_PER_PIXEL = { rgb: 3, rgba: 4 } as const;
export type PixelFormat = keyof typeof BYTES_PER_PIXEL;

/** Pixels: `width * height * BYTES_PER_PIXEL[format]` bytes of sRGB. */
export interface RawFrame extends Frame {
  readonly kind: "raw";
  readonly format: PixelFormat;
  readonly width: number;
  readonly height: number;
  readonly data: Buffer;
}

export type SourceFrame = ImageFrame | RawFrame;

export type Codec = "vp8";

/** One frame of a rendition's bitstream. */
export interface EncodedFrame extends Frame {
  readonly codec: Codec;
  readonly type: "key" | "delta";
  readonly width: number;
  readonly height: number;
  /** 90 kHz ticks, modulo 2^32 (RFC 7741, section 4.1). */
  readonly rtpTimestamp: number;
  readonly data: Buffer;
}
