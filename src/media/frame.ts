/**
 * `media` defines frames and reads the bitstreams in them: H.264 NAL units and AV1 OBUs.
 *
 * This file has the frame types of each stage: a source delivers a {@link SourceFrame}, decoding turns it into a {@link RawFrame} with
 * pixels, and encoding turns that into an {@link EncodedFrame} with a bitstream. All stages and viewers share the bytes
 * of a frame, so nothing may write to them.
 */
import type { FrameTimings } from "../base/clock.ts";

interface Frame {
  /** The number of the frame within its source, from 1. */
  readonly number: number;
  readonly timings: FrameTimings;
  /** The data of the frame, such as joint angles, as the text of one JSON object. */
  readonly telemetry?: string;
}

/** A picture in an image file format. */
export interface ImageFrame extends Frame {
  readonly kind: "image";
  /** The media type, such as `image/jpeg`. */
  readonly type: string;
  readonly data: Buffer;
}

/**
 * Pixel layouts with 8 bits per channel and rows from the top down, without padding. `rgb`, `rgba` and `bgra` are packed
 * sRGB. `i420` (Y, U, V) and `nv12` (Y, UV) are planar YUV 4:2:0, BT.601 limited range; chroma sizes round up.
 */
export type PixelFormat = "rgb" | "rgba" | "bgra" | "i420" | "nv12";

/** The longest side of a picture in pixels: VP8 has 14 bits for it (RFC 6386, section 9.1). */
export const MAX_SIDE = 16_383;

/** Bytes per pixel of the packed formats. */
const PACKED_BYTES = { rgb: 3, rgba: 4, bgra: 4 } as const;

/** The planes of a picture in memory order. `stride` is in bytes per row. */
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

/** The size of a picture in bytes. */
export function frameBytes(format: PixelFormat, width: number, height: number): number {
  return planesOf(format, width, height).reduce((sum, { rows, stride }) => sum + rows * stride, 0);
}

/** A picture as pixels. `data` has `frameBytes(format, width, height)` bytes. */
export interface RawFrame extends Frame {
  readonly kind: "raw";
  readonly format: PixelFormat;
  readonly width: number;
  readonly height: number;
  readonly data: Buffer;
}

/** What a source delivers. */
export type SourceFrame = ImageFrame | RawFrame;

/**
 * The forms of video. `h264` is constrained baseline. `h264-single` is the same with slices that each fit into a packet,
 * for viewers with packetization-mode 0 (RFC 6184, section 6.2). `av1` is main profile.
 */
export type Codec = "vp8" | "h264" | "h264-single" | "av1";

/**
 * The largest RTP payload in bytes. With header, extensions, SRTP tag, UDP and IPv6 a packet stays below 1280 bytes,
 * the minimum MTU of IPv6.
 */
export const MAX_PAYLOAD = 1180;

/** Identifies a rendition of a stream. */
export interface RenditionId {
  readonly codec: Codec;
  /** The level of the ladder; 0 is the full rendition. */
  readonly level: number;
}

/** The name of a rendition in metrics and logs, such as `vp8/0`. */
export function renditionName({ codec, level }: RenditionId): string {
  return `${codec}/${level}`;
}

/**
 * One frame of the bitstream of a rendition: a VP8 frame (RFC 6386), an H.264 byte stream (annex B), or an AV1 temporal
 * unit.
 */
export interface EncodedFrame extends Frame, RenditionId {
  readonly type: "key" | "delta";
  readonly width: number;
  readonly height: number;
  /** The target bitrate of level 0 in bits per second. */
  readonly fullBitrate: number;
  /** In ticks of 90 kHz, modulo 2^32 (RFC 7741, section 4.1). */
  readonly rtpTimestamp: number;
  readonly data: Buffer;
}
