/** Access to the memory of a picture, plane by plane. */
import { type PixelFormat, planesOf } from "../../media/frame.ts";

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A buffer per plane, and its stride: the bytes from one row to the next, padding included. */
export interface Planes {
  readonly data: readonly Buffer[];
  readonly strides: readonly number[];
}

/** Views of the planes of a picture whose rows have no padding. */
export function split(format: PixelFormat, width: number, height: number, data: Buffer): Planes {
  const planes = planesOf(format, width, height);
  let at = 0;
  const buffers = planes.map(({ rows, stride }) => {
    const plane = data.subarray(at, at + rows * stride);
    at += rows * stride;
    return plane;
  });
  return { data: buffers, strides: planes.map(({ stride }) => stride) };
}

/** Copies rows of `length` bytes between memory with different strides, in bytes. */
export function copyRows(
  source: Uint8Array,
  sourceStride: number,
  target: Uint8Array,
  targetStride: number,
  length: number,
  rows: number,
): void {
  if (sourceStride === targetStride) {
    target.set(source.subarray(0, (rows - 1) * sourceStride + length));
    return;
  }
  for (let y = 0; y < rows; y++)
    target.set(source.subarray(y * sourceStride, y * sourceStride + length), y * targetStride);
}

/** Repeats the last column of luma if the width is odd, and the last row if the height is. Luma needs room for it. */
export function repeatEdges(
  { data: [luma], strides: [stride] }: Planes,
  width: number,
  height: number,
): void {
  if (!luma || !stride) return;
  if (width % 2 === 1)
    for (let end = width; end < height * stride; end += stride) luma[end] = luma[end - 1] ?? 0;
  if (height % 2 === 1)
    luma.copyWithin(height * stride, (height - 1) * stride, (height - 1) * stride + width + 1);
}
