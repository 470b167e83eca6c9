import { readFileSync } from "node:fs";
import { SoftwareScaleContext } from "node-av/lib";
import { afterEach, describe, expect, test, vi } from "vitest";
import wabt from "wabt";
import { canConvertToI420, isPacked, packedToI420 } from "../../../src/encoder/pixels/i420.ts";
import { I420_WASM } from "../../../src/encoder/pixels/i420-wasm.ts";
import type { Matrix } from "../../../src/encoder/pixels/matrix.ts";
import { type Planes, split } from "../../../src/encoder/pixels/planes.ts";
import { Rematrixer } from "../../../src/encoder/pixels/rematrix.ts";
import { SwscaleConverter } from "../../../src/encoder/pixels/swscale.ts";
import { frameBytes, type PixelFormat, planesOf, type RawFrame } from "../../../src/media/frame.ts";
import { plain, YCC } from "../../helpers/pictures.ts";

const PACKED = ["rgb", "rgba", "bgra"] as const;
const SIZES = [
  [1, 1],
  [2, 2],
  [7, 3],
  [8, 9],
  [15, 16],
  [16, 15],
  [33, 34],
  [481, 271],
  // More than the module's memory holds at once, more than the 2^20 pixels of a slice, and the longest sides.
  [1281, 873],
  [1, 16_383],
  [16_383, 3],
] as const;

/** A picture of noise, so that neighbouring pixels differ in luma and chroma. */
function noise(format: PixelFormat, width: number, height: number): RawFrame {
  const words = new Int32Array(Math.ceil(frameBytes(format, width, height) / 4));
  // Marsaglia's xorshift: all 32 bits are random enough.
  let state = 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  const data = Buffer.from(words.buffer, 0, frameBytes(format, width, height));
  return { ...plain(1, 1, [0, 0, 0]), format, width, height, data };
}

/** A picture whose colours change slowly. */
function smooth(format: PixelFormat, width: number, height: number): RawFrame {
  const data = Buffer.alloc(frameBytes(format, width, height));
  const bytes = data.length / width / height;
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / bytes);
    data[i] = 128 + 127 * Math.sin((pixel % width) / 60 + Math.floor(pixel / width) / 40 + (i % bytes));
  }
  return { ...plain(1, 1, [0, 0, 0]), format, width, height, data };
}

function white(format: PixelFormat, width: number, height: number) {
  return { format, width, height, data: Buffer.alloc(frameBytes(format, width, height), 255) };
}

/** An I420 picture whose rows are padded, in memory that is marked. */
function padded(width: number, height: number, padding: number) {
  const sizes = planesOf("i420", width, height);
  const strides = sizes.map(({ stride }) => stride + padding);
  const data = sizes.map(({ rows }, n) => Buffer.alloc(rows * (strides[n] ?? 0) + 64, 0xa5));
  return { data, strides };
}

/** The samples of the frame, limited range, in the layout of I420; each chroma sample is the average of 2x2 pixels. */
function expectedSamples({ format, width, height, data }: RawFrame, matrix: Matrix): Float64Array[] {
  const bytes = format === "rgb" ? 3 : 4;
  const red = format === "bgra" ? 2 : 0;
  // Weights in byte order.
  const [ofY, ofCb, ofCr] = YCC[matrix].map(([r, g, b]) => (red === 0 ? [r, g, b] : [b, g, r]));
  const weigh = (weights: readonly number[] | undefined, at: number) => {
    const [first = 0, second = 0, third = 0] = weights ?? [];
    return first * (data[at] ?? 0) + second * (data[at + 1] ?? 0) + third * (data[at + 2] ?? 0);
  };
  const luma = new Float64Array(width * height);
  for (let n = 0; n < luma.length; n++) luma[n] = 16 + weigh(ofY, n * bytes) / 255;
  const chroma = [ofCb, ofCr].map((weights) => {
    const samples = new Float64Array(Math.ceil(width / 2) * Math.ceil(height / 2));
    let n = 0;
    for (let y = 0; y < height; y += 2) {
      const below = y + 1 < height ? width * bytes : 0;
      for (let x = 0; x < width; x += 2) {
        const at = (y * width + x) * bytes;
        const right = x + 1 < width ? bytes : 0;
        const four =
          weigh(weights, at) +
          weigh(weights, at + right) +
          weigh(weights, at + below) +
          weigh(weights, at + right + below);
        samples[n++] = 128 + four / 1020;
      }
    }
    return samples;
  });
  return [luma, ...chroma];
}

/** The largest difference between the planes and the samples; NaN if a sample is missing. */
function worstDifference({ data, strides }: Planes, width: number, samples: readonly Float64Array[]): number {
  let worst = 0;
  for (const [plane, expected] of samples.entries()) {
    const [got, stride] = [data[plane], strides[plane] ?? 0];
    const columns = plane === 0 ? width : Math.ceil(width / 2);
    let n = 0;
    for (let row = 0; n < expected.length; row += stride) {
      for (let x = 0; x < columns; x++, n++) {
        const off = Math.abs((got?.[row + x] ?? Number.NaN) - (expected[n] ?? Number.NaN));
        if (!(off <= worst)) worst = off;
      }
    }
  }
  return worst;
}

test("i420-wasm.ts has the module that i420.wat assembles to", async () => {
  const name = "i420.wat";
  const source = readFileSync(new URL(`../../../src/encoder/pixels/${name}`, import.meta.url), "utf8");
  const module = (await wabt()).parseWat(name, source, { simd: true });
  const base64 = Buffer.from(module.toBinary({}).buffer).toString("base64");
  module.destroy();
  const file = `/** The assembled \`${name}\` in base64; its test updates it if run with \`-u\`. */\nexport const I420_WASM =\n  "${base64}";\n`;
  await expect(file).toMatchFileSnapshot("../../../src/encoder/pixels/i420-wasm.ts");
});

test("this machine can run the module, whose memory cannot grow", () => {
  expect(canConvertToI420).toBe(true);
  const module = new WebAssembly.Module(Buffer.from(I420_WASM, "base64"));
  const memory = new WebAssembly.Instance(module).exports.memory as WebAssembly.Memory;
  expect(() => memory.grow(1)).toThrow(RangeError);
});

describe("PixelConverter without SIMD", () => {
  afterEach(() => {
    vi.doUnmock("../../../src/encoder/pixels/i420-wasm.ts");
    vi.resetModules();
  });

  test("converts by swscale", async () => {
    vi.resetModules();
    // Not a valid module, as one with unknown instructions looks to a machine.
    vi.doMock("../../../src/encoder/pixels/i420-wasm.ts", () => ({ I420_WASM: "AGFzbQ==" }));
    const { PixelConverter } = await import("../../../src/encoder/pixels/converter.ts");
    const spy = vi.spyOn(SoftwareScaleContext.prototype, "scale");
    const converter = new PixelConverter("i420");
    for (const format of PACKED) {
      const target = padded(34, 20, 30);
      await converter.convert({ ...plain(1, 1, [0, 0, 0]), ...white(format, 34, 20) }, target);
      expect(target.data.map((plane) => plane[0])).toEqual([235, 128, 128]);
    }
    converter.close();
    expect(spy).toHaveBeenCalledTimes(PACKED.length);
    spy.mockRestore();
  });
});

test("a large picture does not block the event loop", async () => {
  const [width, height] = [3840, 2160];
  const frame = { ...plain(1, 1, [0, 0, 0]), ...white("rgba", width, height) };
  if (!isPacked(frame)) throw new Error("not packed");
  let turns = 0;
  const turn = () => {
    turns++;
    immediate = setImmediate(turn);
  };
  let immediate = setImmediate(turn);
  await packedToI420(frame, padded(width, height, 0), "bt601");
  clearImmediate(immediate);
  expect(turns).toBeGreaterThanOrEqual(6);
});

/** Converts as {@link PixelConverter} does without SIMD. */
async function bySwscale(frame: RawFrame, matrix: Matrix, target: Planes): Promise<void> {
  const swscale = new SwscaleConverter("i420");
  const rematrixer = new Rematrixer("i420");
  await swscale.convert(frame, matrix === "bt601" ? target : rematrixer.source(frame.width, frame.height));
  if (matrix === "bt709") await rematrixer.convert(target);
  swscale.close();
  rematrixer.close();
}

const KINDS = (["bt601", "bt709"] as const).flatMap((matrix) =>
  PACKED.map((format) => [format, matrix] as const),
);

describe.each(KINDS)("%s to I420 of %s", (format, matrix) => {
  test.each(SIZES)("is right within one level in every pixel of %ix%i", async (width, height) => {
    const frame = noise(format, width, height);
    if (!isPacked(frame)) throw new Error("not packed");
    const samples = expectedSamples(frame, matrix);
    expect(samples.reduce((sum, { length }) => sum + length, 0)).toBe(frameBytes("i420", width, height));
    for (const padding of width * height > 1e6 ? [32] : [0, 5, 32, 200]) {
      const { data, strides } = padded(width, height, padding);
      await packedToI420(frame, { data, strides }, matrix);
      expect(worstDifference({ data, strides }, width, samples)).toBeLessThan(0.6);
      // Nothing is written behind the last row.
      for (const [n, { rows, stride }] of planesOf("i420", width, height).entries()) {
        const end = (rows - 1) * (strides[n] ?? 0) + stride;
        expect(data[n]?.subarray(end).every((byte) => byte === 0xa5)).toBe(true);
      }
    }
  });

  test("gives the same as swscale within a few levels", async () => {
    const [width, height] = [322, 182];
    // Changing the matrix needs each pixel's own chroma, which subsampled noise does not have.
    const frame = (matrix === "bt601" ? noise : smooth)(format, width, height);
    if (!isPacked(frame)) throw new Error("not packed");
    // swscale rounds twice on the way to BT.709.
    const most = matrix === "bt601" ? 2 : 4;
    const ours = padded(width, height, 30);
    const theirs = padded(width, height, 30);
    await packedToI420(frame, ours, matrix);
    await bySwscale(frame, matrix, theirs);
    for (const [n, { rows, stride }] of planesOf("i420", width, height).entries()) {
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < stride; x++) {
          const at = y * (ours.strides[n] ?? 0) + x;
          const off = Math.abs((ours.data[n]?.[at] ?? 0) - (theirs.data[n]?.[at] ?? 255));
          if (off > most) throw new Error(`plane ${n} differs by ${off} at ${x}, ${y}`);
        }
      }
    }
  });

  test("keeps two conversions at once apart", async () => {
    const frames = [
      noise(format, 1400, 1000),
      { ...plain(1, 1, [0, 0, 0]), format, width: 1400, height: 1000 },
    ];
    const targets = frames.map(() => split("i420", 1400, 1000, Buffer.alloc(1400 * 1000 * 1.5)));
    const black = Buffer.alloc(frameBytes(format, 1400, 1000));
    const done = frames.map((frame, n) => {
      const one = n === 0 ? frame : { ...frame, data: black };
      if (!isPacked(one)) throw new Error("not packed");
      return packedToI420(one, targets[n] as (typeof targets)[number], "bt601");
    });
    await Promise.all(done);
    const levels = targets[1]?.data.map((plane) => plane.every((byte) => byte === plane[0]) && plane[0]);
    expect(levels).toEqual([16, 128, 128]);
  });
});

test("a target that is too small is refused", async () => {
  const frame = noise("rgba", 64, 64);
  if (!isPacked(frame)) throw new Error("not packed");
  await expect(packedToI420(frame, padded(64, 32, 0), "bt601")).rejects.toThrow(RangeError);
});
