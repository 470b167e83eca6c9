/**
 * Converts packed RGB to I420 with the WebAssembly SIMD of `i420.wat`: on this thread, in slices of about 1 ms.
 * A few rows at a time pass through the module's memory, which has a fixed size and is shared by all converters.
 */
import { setImmediate as yieldToLoop } from "node:timers/promises";
import type { PixelFormat, RawFrame } from "../../media/frame.ts";
import { I420_WASM } from "./i420-wasm.ts";
import { type Matrix, weightsOf } from "./matrix.ts";
import { copyRows, type Planes } from "./planes.ts";

type Packed = Exclude<PixelFormat, "i420" | "nv12">;

/** Offsets of the channels in a pixel, and its size, in bytes. */
const LAYOUTS: Record<Packed, { red: number; green: number; blue: number; bytes: number }> = {
  rgb: { red: 0, green: 1, blue: 2, bytes: 3 },
  rgba: { red: 0, green: 1, blue: 2, bytes: 4 },
  bgra: { red: 2, green: 1, blue: 0, bytes: 4 },
};

/** Pixels converted before the event loop gets a turn. */
const SLICE_PIXELS = 1 << 20;

/**
 * Bytes of rows in the module's memory at once, so that they stay in the CPU cache. The memory holds this much of
 * pixels and of luma, and half as much of each chroma plane. Two rows of the widest picture fit.
 */
const BAND_BYTES = 128 * 1024;

/** Offset of the rows in the module's memory, in bytes. Swizzles and weights lie in front of them. */
const SOURCE = 128;

/** Bytes that the module may read behind the rows. */
const OVERREAD = 64;

/** Swizzle index that makes a lane 0. */
const ZERO_LANE = 0x80;

interface Kernel {
  readonly memory: Uint8Array;
  convert(
    constants: number,
    step: number,
    source: number,
    sourceStride: number,
    width: number,
    pairs: number,
    luma: number,
    lumaStride: number,
    cb: number,
    cr: number,
    chromaStride: number,
  ): void;
}

const kernel = loadKernel();

/** Whether this machine can convert here: it needs WebAssembly with SIMD. */
export const canConvertToI420 = kernel !== undefined;

/** Whether the frame has a format that {@link packedToI420} takes. */
export function isPacked(frame: RawFrame): frame is RawFrame & { readonly format: Packed } {
  return Object.hasOwn(LAYOUTS, frame.format);
}

/**
 * Fills `target`, I420 of the frame's size, and may overwrite its padding. Chroma is the average of 2x2 pixels.
 * Rejects if this machine has no WebAssembly SIMD.
 */
export async function packedToI420(
  frame: RawFrame & { readonly format: Packed },
  target: Planes,
  matrix: Matrix,
): Promise<void> {
  const { width, height } = frame;
  const constants = constantsFor(frame.format, matrix);
  const rows = Math.max(2, Math.floor(SLICE_PIXELS / width / 2) * 2);
  for (let top = 0; top < height; top += rows) {
    if (top > 0) await yieldToLoop();
    convertRows(frame, target, constants, top, Math.min(height, top + rows));
  }
}

/** Converts the rows from `top`, which is even, up to `bottom`. */
function convertRows(
  { format, width, data }: RawFrame & { readonly format: Packed },
  target: Planes,
  constants: Uint8Array,
  top: number,
  bottom: number,
): void {
  if (!kernel) throw new Error("this machine has no WebAssembly SIMD");
  const { memory } = kernel;
  const { bytes } = LAYOUTS[format];
  const row = width * bytes;
  // Repeat the last column of an odd width, and the last row of an odd height.
  const stride = (width + (width % 2)) * bytes;
  const lumaStride = strideLike(target.strides[0], Math.ceil(width / 8) * 8);
  const chromaStride = strideLike(target.strides[1], Math.ceil(width / 8) * 4);
  const band = Math.max(2, Math.floor(BAND_BYTES / Math.max(stride, lumaStride, chromaStride) / 2) * 2);
  const luma = SOURCE + band * stride + OVERREAD;
  const cb = luma + band * lumaStride;
  const cr = cb + (band / 2) * chromaStride;

  memory.set(constants);
  for (let y = top; y < bottom; y += band) {
    const rows = Math.min(band, bottom - y);
    const pairs = Math.ceil(rows / 2);
    const end = SOURCE + rows * stride;
    copyRows(data.subarray(y * row), row, memory.subarray(SOURCE), stride, row, rows);
    if (stride > row)
      for (let at = SOURCE + row; at < end; at += stride) memory.copyWithin(at, at - bytes, at);
    if (rows % 2 === 1) memory.copyWithin(end, end - stride, end);

    kernel.convert(0, 4 * bytes, SOURCE, stride, width, pairs, luma, lumaStride, cb, cr, chromaStride);

    const emptyInto = (
      plane: number,
      at: number,
      from: number,
      top: number,
      length: number,
      rows: number,
    ) => {
      const [to, stride] = [target.data[plane], target.strides[plane]];
      if (!to || !stride) throw new Error("I420 has three planes");
      copyRows(memory.subarray(at), from, to.subarray(top * stride), stride, length, rows);
    };
    emptyInto(0, luma, lumaStride, y, width, rows);
    emptyInto(1, cb, chromaStride, y / 2, Math.ceil(width / 2), pairs);
    emptyInto(2, cr, chromaStride, y / 2, Math.ceil(width / 2), pairs);
  }
}

/** The target's stride if the rows fit in it, so that one copy takes all of them; otherwise the stride they need. */
function strideLike(target: number | undefined, needed: number): number {
  return target !== undefined && target >= needed && target < needed + 64 ? target : needed;
}

/** Input of `i420.wat`: swizzles that pick [red, blue] and [green, 0] of four pixels, and six pairs of weights. */
function constantsFor(format: Packed, matrix: Matrix): Uint8Array {
  const { red, green, blue, bytes } = LAYOUTS[format];
  const pixels = [0, 1, 2, 3].map((pixel) => pixel * bytes);
  const { luma, cb, cr } = weightsOf(matrix, 2 ** 15);
  const weights = [luma, cb, cr].flatMap(({ red, green, blue }) => [
    [red, blue],
    [green, 0],
  ]);
  return Uint8Array.from([
    ...pixels.flatMap((at) => [at + red, ZERO_LANE, at + blue, ZERO_LANE]),
    ...pixels.flatMap((at) => [at + green, ZERO_LANE, ZERO_LANE, ZERO_LANE]),
    ...new Uint8Array(Int16Array.from(weights.flatMap((pair) => [pair, pair, pair, pair].flat())).buffer),
  ]);
}

function loadKernel(): Kernel | undefined {
  if (typeof WebAssembly === "undefined") return undefined;
  const bytes = Buffer.from(I420_WASM, "base64");
  if (!WebAssembly.validate(bytes)) return undefined;
  const { memory, convert } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  return {
    memory: new Uint8Array((memory as WebAssembly.Memory).buffer),
    convert: convert as Kernel["convert"],
  };
}
