/**
 * Packed RGB to I420 by the WebAssembly SIMD of `i420.wat`: in this thread, in slices of about a millisecond.
 * A few rows at a time go through memory of a fixed size, which every converter shares.
 */
import { setImmediate as yieldToLoop } from "node:timers/promises";
import type { PixelFormat, RawFrame } from "../../media/frame.ts";
import { I420_WASM } from "./i420-wasm.ts";
import { type Matrix, weightsOf } from "./matrix.ts";
import { copyRows, type Planes } from "./planes.ts";

type Packed = Exclude<PixelFormat, "i420" | "nv12">;

/** Where a pixel has its channels, and its length: bytes. */
const LAYOUTS: Record<Packed, { red: number; green: number; blue: number; bytes: number }> = {
  rgb: { red: 0, green: 1, blue: 2, bytes: 3 },
  rgba: { red: 0, green: 1, blue: 2, bytes: 4 },
  bgra: { red: 2, green: 1, blue: 0, bytes: 4 },
};

/** Pixels converted before the event loop has its turn. */
const SLICE = 1 << 20;

/**
 * Bytes of rows that go through the module's memory at once: they stay in the processor's cache.
 * It has room for this much of pixels and of luma, and half of each chroma; two rows of the widest picture fit.
 */
const BAND = 128 * 1024;

/** Where the rows lie in the module's memory; in front of them is what picks the channels, and what weighs them. */
const SOURCE = 128;

/** Bytes that are read behind them at most. */
const BEHIND = 64;

/** Of a swizzle: this lane becomes 0. */
const NOTHING = 0x80;

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

/** Whether this machine can: its processor needs SIMD, and the runtime WebAssembly. */
export const canConvertToI420 = kernel !== undefined;

/** Whether it is a format that is converted here. */
export function isPacked(frame: RawFrame): frame is RawFrame & { readonly format: Packed } {
  return Object.hasOwn(LAYOUTS, frame.format);
}

/** Fills `target`, I420 of the frame's size; its padding may be written to. Chroma is the average of 2x2 pixels. */
export async function packedToI420(
  frame: RawFrame & { readonly format: Packed },
  target: Planes,
  matrix: Matrix,
): Promise<void> {
  const { width, height } = frame;
  const constants = constantsFor(frame.format, matrix);
  const rows = Math.max(2, Math.floor(SLICE / width / 2) * 2);
  for (let top = 0; top < height; top += rows) {
    if (top > 0) await yieldToLoop();
    convertRows(frame, target, constants, top, Math.min(height, top + rows));
  }
}

/** The rows from `top`, an even number, to `bottom`. */
function convertRows(
  { format, width, data }: RawFrame & { readonly format: Packed },
  target: Planes,
  constants: Uint8Array,
  top: number,
  bottom: number,
): void {
  if (!kernel) throw new Error("WebAssembly has no SIMD here");
  const { memory } = kernel;
  const { bytes } = LAYOUTS[format];
  const row = width * bytes;
  // An odd width gets its last column twice, and an odd height its last row.
  const stride = (width + (width % 2)) * bytes;
  const lumaStride = strideLike(target.strides[0], Math.ceil(width / 8) * 8);
  const chromaStride = strideLike(target.strides[1], Math.ceil(width / 8) * 4);
  const band = Math.max(2, Math.floor(BAND / Math.max(stride, lumaStride, chromaStride) / 2) * 2);
  const luma = SOURCE + band * stride + BEHIND;
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

/** The target's own stride where rows fit it, so that all of them are copied as one; else what they need. */
function strideLike(target: number | undefined, needed: number): number {
  return target !== undefined && target >= needed && target < needed + 64 ? target : needed;
}

/** As `i420.wat` reads them: swizzles that pick, of four pixels, [red, blue] and [green, 0], and six pairs of weights. */
function constantsFor(format: Packed, matrix: Matrix): Uint8Array {
  const { red, green, blue, bytes } = LAYOUTS[format];
  const pixels = [0, 1, 2, 3].map((pixel) => pixel * bytes);
  const { luma, cb, cr } = weightsOf(matrix, 2 ** 15);
  const weights = [luma, cb, cr].flatMap(({ red, green, blue }) => [
    [red, blue],
    [green, 0],
  ]);
  return Uint8Array.from([
    ...pixels.flatMap((at) => [at + red, NOTHING, at + blue, NOTHING]),
    ...pixels.flatMap((at) => [at + green, NOTHING, NOTHING, NOTHING]),
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
