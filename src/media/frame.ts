/**
 * The nouns for media. A source hands over a {@link SourceFrame}; decoding makes it a {@link RawFrame}
 * (pixels); encoding makes that an {@link EncodedFrame} (bitstream). Their bytes are never written to
 * once handed on, so one frame may be shared by every stage and viewer.
 */
import type { FrameTimings } from "../base/clock.ts";

interface Frame {
  /** Counts the frames of one source, from 1. */
  readonly number: number;
  readonly timings: FrameTimings;
  /** The frame's data, such as joint angles: the text of one JSON object. It travels with the frame to its viewers. */
  readonly telemetry?: string;
}

/** A picture in a file format, as a render loop wrote it. */
export interface ImageFrame extends Frame {
  readonly kind: "image";
  /** Its media type, such as `image/jpeg`. */
  readonly type: string;
  readonly data: Buffer;
}

/**
 * How pixels lie in memory, 8 bits a channel, rows top down without padding. Packed: `rgb`, `rgba`, `bgra`,
 * sRGB. Planar YUV 4:2:0 of BT.601, limited range, chroma rounded up: `i420` (Y, U, V), `nv12` (Y, UV).
 */
export type PixelFormat = "rgb" | "rgba" | "bgra" | "i420" | "nv12";

/** The longest side of a picture: VP8 has 14 bits for it (RFC 6386, section 9.1). */
export const MAX_SIDE = 16_383;

/** Bytes per pixel of the packed formats. */
const PACKED_BYTES = { rgb: 3, rgba: 4, bgra: 4 } as const;

/** The planes of a picture in memory, in order: each with its rows and bytes a row. */
export function planesOf(
  format: PixelFormat,
  width: number,
  height: number,
): { rows: number; stride: number }[] {
  const chromaWidth = Math.ceil(width / 2);
  const chromaRows = Math.ceil(height / 2);
  switch (format) {
    case "i420":
      return [
        { rows: height, stride: width },
        { rows: chromaRows, stride: chromaWidth },
        { rows: chromaRows, stride: chromaWidth },
      ];
    case "nv12":
      return [
        { rows: height, stride: width },
        { rows: chromaRows, stride: 2 * chromaWidth },
      ];
    default:
      return [{ rows: height, stride: width * PACKED_BYTES[format] }];
  }
}

/** How many bytes a picture takes. */
export function frameBytes(format: PixelFormat, width: number, height: number): number {
  return planesOf(format, width, height).reduce((sum, { rows, stride }) => sum + rows * stride, 0);
}

/** Pixels: `frameBytes(format, width, height)` bytes. */
export interface RawFrame extends Frame {
  readonly kind: "raw";
  readonly format: PixelFormat;
  readonly width: number;
  readonly height: number;
  readonly data: Buffer;
}

export type SourceFrame = ImageFrame | RawFrame;

/**
 * H.264 is that of constrained baseline. `h264-single` is the same in slices that each fit a packet, for viewers that
 * take NAL units in no other way (RFC 6184, section 6.2: packetization-mode 0). AV1 is that of the main profile.
 */
export type Codec = "vp8" | "h264" | "h264-single" | "av1";

/**
 * Bytes of an RTP payload at most: with header, extensions, SRTP tag, UDP and IPv6 it stays below the 1280 of any IPv6
 * path.
 */
export const MAX_PAYLOAD = 1180;

/** One of a picture's renditions. */
export interface RenditionId {
  readonly codec: Codec;
  /** Of the ladder: 0 is the full rendition. */
  readonly level: number;
}

export function renditionName({ codec, level }: RenditionId): string {
  return `${codec}/${level}`;
}

/** One frame of a rendition's bitstream: of VP8 as RFC 6386 has it, of H.264 a byte stream (its annex B), of AV1
 * a temporal unit. */
export interface EncodedFrame extends Frame, RenditionId {
  readonly type: "key" | "delta";
  readonly width: number;
  readonly height: number;
  /** Bits a second that its rendition aims at. */
  readonly bitrate: number;
  /** 90 kHz ticks, modulo 2^32 (RFC 7741, section 4.1). */
  readonly rtpTimestamp: number;
  readonly data: Buffer;
}
