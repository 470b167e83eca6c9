/** The memory of a picture, plane by plane. */
import { type PixelFormat, planesOf } from "../frame.ts";

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
