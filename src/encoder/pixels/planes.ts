/** The memory of a picture, plane by plane. */
import { type PixelFormat, planesOf } from "../../media/frame.ts";

/** Pixels each way. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A buffer for each plane, and the bytes from one of its rows to the next: as many as the row's pixels or more. */
export interface Planes {
  readonly data: readonly Buffer[];
  readonly strides: readonly number[];
}

/** The planes within the memory of a whole picture, rows without padding; nothing is copied. */
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

/** Copies rows of `length` bytes from memory with one stride to memory with another. */
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

/** Gives luma of an odd width its last column again, and of an odd height its last row. */
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
