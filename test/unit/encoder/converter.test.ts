import { SoftwareScaleContext } from "node-av/lib";
import sharp from "sharp";
import { afterEach, describe, expect, test, vi } from "vitest";
import { thumbnailOf } from "../../../src/encoder/image/jpeg.ts";
import { PixelConverter, toRgb } from "../../../src/encoder/pixels/converter.ts";
import { split } from "../../../src/encoder/pixels/planes.ts";
import { frameBytes, type PixelFormat, planesOf, type RawFrame } from "../../../src/media/frame.ts";
import { plain, type Rgb, stripes, toYcc, worstDifference } from "../../helpers/pictures.ts";

afterEach(() => vi.restoreAllMocks());

const FORMATS: PixelFormat[] = ["rgb", "rgba", "bgra", "i420", "nv12"];

/** A picture with one colour in the upper half and another in the lower. */
function halves(format: PixelFormat, width: number, height: number, top: Rgb, bottom: Rgb): RawFrame {
  const data = stripes(format, width, height, [top, bottom]);
  return { ...plain(1, 1, top), format, width, height, data };
}

const pixelAt = (rgb: Buffer, width: number, x: number, y: number) =>
  [...rgb.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)] as unknown as Rgb;

function expectNear(shown: Rgb, colour: Rgb, tolerance: number): void {
  for (const channel of [0, 1, 2] as const)
    expect(Math.abs(shown[channel] - colour[channel]), `${shown} for ${colour}`).toBeLessThanOrEqual(
      tolerance,
    );
}

const colours: [string, Rgb][] = [
  ["saturated red", [255, 0, 0]],
  ["saturated green", [0, 255, 0]],
  ["saturated blue", [0, 0, 255]],
  ["mid grey", [128, 128, 128]],
  ["white", [255, 255, 255]],
  ["black", [0, 0, 0]],
];

describe("pixels to another size", () => {
  test.each(
    FORMATS.flatMap((format) => (["bt601", "bt709"] as const).map((matrix) => [format, matrix] as const)),
  )("%s keep their colours in %s, and their orientation", async (format, matrix) => {
    const [red, blue]: [Rgb, Rgb] = [
      [200, 30, 40],
      [20, 60, 180],
    ];
    const size = { width: 32, height: 18 };
    const target = split("i420", size.width, size.height, Buffer.alloc(frameBytes("i420", 32, 18) + 64));
    const converter = new PixelConverter("i420", matrix);
    await converter.convert(halves(format, 64, 36, red, blue), target, size);
    converter.close();
    for (const [row, colour] of [
      [1, red],
      [7, blue],
    ] as const) {
      const [y, u, v] = toYcc(colour, matrix);
      const [luma, cb, cr] = target.data.map((plane, n) => plane[row * (n === 0 ? 2 * 32 : 16) + 5]);
      expect(Math.abs((luma ?? 0) - y)).toBeLessThan(4);
      expect(Math.abs((cb ?? 0) - u)).toBeLessThan(4);
      expect(Math.abs((cr ?? 0) - v)).toBeLessThan(4);
    }
  });
});

describe("pixels to RGB", () => {
  test.each(FORMATS.flatMap((format) => colours.map(([name, colour]) => [format, name, colour] as const)))(
    "%s keep %s and their orientation",
    async (format, _, colour) => {
      const other: Rgb = [40, 90, 60];
      const [width, height] = [31, 18];
      const rgb = await toRgb(halves(format, width, height, colour, other));
      const tolerance = format === "i420" || format === "nv12" ? 4 : 0;
      for (const x of [0, 15, 30]) {
        expectNear(pixelAt(rgb, width, x, 1), colour, tolerance);
        expectNear(pixelAt(rgb, width, x, 16), other, tolerance);
      }
    },
  );

  test.each(FORMATS.flatMap((format) => [1, 2, 3, 5, 10, 17, 33].map((side) => [format, side] as const)))(
    "%s have every row and column in place with a side of %i",
    async (format, side) => {
      for (const [width, height] of [
        [side, 1],
        [1, side],
        [side, side],
        [side, 64],
        [64, side],
        [side + 480, 6],
      ] as const) {
        const rgb = await toRgb(halves(format, width, height, [200, 100, 50], [200, 100, 50]));
        expect(rgb).toHaveLength(width * height * 3);
        expect(worstDifference(rgb, [200, 100, 50])).toBeLessThanOrEqual(4);
      }
    },
  );
});

describe("a converter", () => {
  /** Bytes behind each plane that a conversion may overwrite. */
  const ROOM = 16;
  const planes = (width: number, height: number) => {
    const sizes = planesOf("i420", width, height);
    const memory = sizes.map(({ rows, stride }) => Buffer.alloc(rows * stride + 2 * ROOM, 0xa5));
    return {
      memory,
      data: sizes.map(({ rows, stride }, n) => (memory[n] as Buffer).subarray(0, rows * stride)),
      strides: sizes.map(({ stride }) => stride),
    };
  };

  test("accepts pictures that change their size and format", async () => {
    const converter = new PixelConverter("i420");
    const sizes = [
      [16, 16],
      [33, 17],
      [1, 1],
      [18, 4],
      [17, 64],
      [481, 2],
      [2, 271],
    ] as const;
    for (const format of [...FORMATS, ...FORMATS.toReversed()]) {
      for (const [width, height] of sizes) {
        const target = planes(width, height);
        await converter.convert(halves(format, width, height, [255, 0, 0], [255, 0, 0]), target);
        for (const [plane, level] of toYcc([255, 0, 0]).entries())
          expect(worstDifference(target.data[plane], [level])).toBeLessThanOrEqual(2);
      }
    }
    converter.close();
  });

  test.each(FORMATS)("converts %s to BT.709 in I420 and NV12, while sizes change", async (format) => {
    for (const to of ["i420", "nv12"] as const) {
      const converter = new PixelConverter(to, "bt709");
      for (const [[width, height], [, colour]] of [
        [48, 30],
        [31, 17],
        [48, 30],
      ].flatMap((size) => colours.map((colour) => [size, colour] as const))) {
        const memory = Buffer.alloc(frameBytes(to, width ?? 0, height ?? 0) + 64);
        const target = split(to, width ?? 0, height ?? 0, memory);
        await converter.convert(halves(format, width ?? 0, height ?? 0, colour, colour), target);
        const [y, cb, cr] = toYcc(colour, "bt709");
        const expected = to === "i420" ? [[y], [cb], [cr]] : [[y], [cb, cr]];
        for (const [plane, levels] of expected.entries())
          expect(worstDifference(target.data[plane], levels)).toBeLessThanOrEqual(2);
      }
      converter.close();
    }
  });

  test("writes nothing beyond the spare bytes behind a plane", async () => {
    const converter = new PixelConverter("i420");
    for (const format of FORMATS) {
      for (let width = 1; width <= 40; width++) {
        const { memory, ...target } = planes(width, 5);
        await converter.convert(halves(format, width, 5, [9, 9, 9], [9, 9, 9]), target);
        for (const plane of memory) expect(plane.subarray(-ROOM).every((byte) => byte === 0xa5)).toBe(true);
      }
    }
    converter.close();
  });

  test("writes nothing beyond an RGB picture", async () => {
    const converter = new PixelConverter("rgb");
    for (const format of FORMATS) {
      for (let width = 1; width <= 40; width++) {
        const length = width * 4 * 3;
        const memory = Buffer.alloc(length + 64, 0xa5);
        const target = { data: [memory.subarray(0, length)], strides: [width * 3] };
        await converter.convert(halves(format, width, 4, [9, 9, 9], [9, 9, 9]), target);
        expect(memory.subarray(length).every((byte) => byte === 0xa5)).toBe(true);
      }
    }
    converter.close();
  });

  test.each(["i420", "nv12"] as const)("keeps %s unchanged, odd sizes included", async (format) => {
    const [width, height] = [101, 57];
    const data = Buffer.from(
      Array.from({ length: frameBytes(format, width, height) }, (_, i) => (i * 31) % 256),
    );
    const converter = new PixelConverter("i420");
    const target = planes(width, height);
    await converter.convert({ ...plain(1, 1, [0, 0, 0]), format, width, height, data }, target);
    converter.close();
    const luma = width * height;
    const chroma = data.subarray(luma);
    const half = chroma.length / 2;
    const cb = format === "i420" ? chroma.subarray(0, half) : chroma.filter((_, i) => i % 2 === 0);
    const cr = format === "i420" ? chroma.subarray(half) : chroma.filter((_, i) => i % 2 === 1);
    for (const [n, expected] of [data.subarray(0, luma), cb, cr].entries())
      expect(Buffer.from(target.data[n] ?? []).equals(Buffer.from(expected))).toBe(true);
  });

  test.each(FORMATS)("refuses %s with fewer bytes than the picture needs", async (format) => {
    const frame = halves(format, 20, 10, [9, 9, 9], [9, 9, 9]);
    const short = { ...frame, data: frame.data.subarray(1) };
    const converter = new PixelConverter("i420");
    await expect(converter.convert(short, planes(20, 10))).rejects.toThrow(/needs \d+ bytes/);
  });

  test("holds at most one native context while size and format change", async () => {
    const made = vi.spyOn(SoftwareScaleContext.prototype, "getContext");
    const freed = vi.spyOn(SoftwareScaleContext.prototype, "freeContext");
    const converter = new PixelConverter("i420");
    for (let n = 0; n < 100; n++) {
      const [width, height] = [10 + n, 110 - n];
      const format = FORMATS[n % FORMATS.length] as PixelFormat;
      await converter.convert(halves(format, width, height, [9, 9, 9], [9, 9, 9]), planes(width, height));
      expect(made.mock.calls.length - freed.mock.calls.length).toBeLessThanOrEqual(1);
    }
    converter.close();
    expect(made.mock.calls.length).toBeGreaterThan(0);
    expect(freed).toHaveBeenCalledTimes(made.mock.calls.length);
  });

  test("can be used again after it is closed", async () => {
    const converter = new PixelConverter("i420");
    converter.close();
    await converter.convert(plain(4, 4, [255, 255, 255]), planes(4, 4));
    converter.close();
    converter.close();
    const target = planes(4, 4);
    await converter.convert(plain(4, 4, [255, 255, 255]), target);
    expect(target.data[0]?.[0]).toBeGreaterThan(230);
    converter.close();
  });
});

test("a picture's planes hold all its bytes, with chroma sizes rounded up", () => {
  expect(planesOf("i420", 5, 3)).toEqual([
    { rows: 3, stride: 5 },
    { rows: 2, stride: 3 },
    { rows: 2, stride: 3 },
  ]);
  expect(planesOf("nv12", 5, 3)).toEqual([
    { rows: 3, stride: 5 },
    { rows: 2, stride: 6 },
  ]);
  expect(FORMATS.map((format) => frameBytes(format, 5, 3))).toEqual([45, 60, 60, 27, 27]);
});

test.each(FORMATS)(
  "a thumbnail of %s has the picture's shape and colour, and at most its size",
  async (format) => {
    const colour: Rgb = [200, 40, 90];
    const frame = halves(format, 64, 32, colour, colour);
    for (const [width, size] of [
      [16, { width: 16, height: 8 }],
      [480, { width: 64, height: 32 }],
    ] as const) {
      const thumbnail = sharp(await thumbnailOf(frame, width));
      expect(await thumbnail.metadata()).toMatchObject({ format: "jpeg", ...size });
      expectNear(pixelAt(await thumbnail.raw().toBuffer(), size.width, 8, 4), colour, 6);
    }
  },
);
