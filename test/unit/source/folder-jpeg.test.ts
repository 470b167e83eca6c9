import sharp, { type JpegOptions } from "sharp";
import { describe, expect, test } from "vitest";
import { beginsAsJpeg, isWholeJpeg } from "../../../src/source/folder/jpeg.ts";

const EOI = Buffer.from([0xff, 0xd9]);

function sample(options: JpegOptions = {}): Promise<Buffer> {
  const create = { width: 40, height: 30, channels: 3 as const, background: "#446688" };
  const noise = { type: "gaussian" as const, mean: 128, sigma: 60 };
  return sharp({ create: { ...create, noise } })
    .jpeg(options)
    .toBuffer();
}

/** Puts a segment after the start marker. */
function withSegment(jpeg: Buffer, marker: number, content: Buffer): Buffer {
  const header = Buffer.from([0xff, marker, 0, 0]);
  header.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), header, content, jpeg.subarray(2)]);
}

/** The same numbers in each run. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe("isWholeJpeg", () => {
  const kinds: [string, JpegOptions][] = [
    ["baseline", {}],
    ["progressive", { progressive: true }],
    ["with optimised tables", { mozjpeg: true }],
    ["without subsampling", { chromaSubsampling: "4:4:4" }],
  ];

  test.each(kinds)("gives the size of a whole JPEG: %s", async (_, options) => {
    expect(isWholeJpeg(await sample(options))).toEqual({ width: 40, height: 30 });
  });

  test.each(kinds)("rejects a JPEG that is cut off at any byte: %s", async (_, options) => {
    const jpeg = await sample(options);
    for (let length = 0; length < jpeg.length; length++) {
      expect(isWholeJpeg(jpeg.subarray(0, length)), `${length} of ${jpeg.length} bytes`).toBeUndefined();
    }
  });

  test.each(kinds)("rejects a JPEG whose rest is still zeros: %s", async (_, options) => {
    const jpeg = await sample(options);
    for (let length = 0; length < jpeg.length - 1; length++) {
      const allocated = Buffer.alloc(jpeg.length);
      jpeg.copy(allocated, 0, 0, length);
      expect(isWholeJpeg(allocated), `${length} of ${jpeg.length} bytes`).toBeUndefined();
    }
  });

  test("accepts zero bytes behind the end, but nothing else", async () => {
    const jpeg = await sample();
    expect(isWholeJpeg(Buffer.concat([jpeg, Buffer.alloc(100)]))).toBeDefined();
    expect(isWholeJpeg(Buffer.concat([jpeg, Buffer.from("x")]))).toBeUndefined();
  });

  test("is not misled by the end of a thumbnail", async () => {
    const thumbnail = await sample({ quality: 20 });
    const jpeg = withSegment(await sample(), 0xe1, thumbnail);
    expect(isWholeJpeg(jpeg)).toEqual({ width: 40, height: 30 });
    const end = jpeg.indexOf(EOI) + 2;
    expect(end).toBeLessThan(thumbnail.length + 10);
    expect(isWholeJpeg(jpeg.subarray(0, end))).toBeUndefined();
  });

  test("accepts fill bytes before markers", async () => {
    const jpeg = await sample();
    const filled = Buffer.concat([jpeg.subarray(0, 2), Buffer.alloc(3, 0xff), jpeg.subarray(2)]);
    expect(isWholeJpeg(filled)).toEqual({ width: 40, height: 30 });
  });

  test("rejects files without a frame and a scan", () => {
    expect(isWholeJpeg(Buffer.from([0xff, 0xd8, 0xff, 0xd9]))).toBeUndefined();
    expect(isWholeJpeg(Buffer.from([0xff, 0xd8, 0xff, 0xda, 0, 2, 0xff, 0xd9]))).toBeUndefined();
    expect(isWholeJpeg(Buffer.from([0xff, 0xd8, 0xff, 0xc0, 0, 4, 8, 0, 0xff, 0xd9]))).toBeUndefined();
  });

  test("rejects other kinds of files", async () => {
    const png = await sharp(await sample())
      .png()
      .toBuffer();
    for (const data of [png, Buffer.alloc(0), Buffer.alloc(1000), Buffer.from("hello")]) {
      expect(isWholeJpeg(data)).toBeUndefined();
    }
  });
});

describe("hostile bytes", () => {
  test("mutated JPEGs never throw", async () => {
    const jpeg = await sample();
    const next = random(1);
    for (let round = 0; round < 20_000; round++) {
      const mutant = Buffer.from(jpeg);
      for (let changes = 1 + next(4); changes > 0; changes--) {
        // Mostly the headers, where the lengths are.
        mutant[next(next(4) === 0 ? jpeg.length : 700)] = next(2) === 0 ? next(256) : 0xff;
      }
      const size = isWholeJpeg(mutant.subarray(0, next(3) === 0 ? next(jpeg.length) : jpeg.length));
      if (size) expect(size.width * size.height).toBeGreaterThan(0);
    }
  });

  test("random bytes never throw, and are never accepted", () => {
    const next = random(2);
    for (let round = 0; round < 2_000; round++) {
      const bytes = Buffer.from(Array.from({ length: next(200) }, () => (next(3) === 0 ? 0xff : next(256))));
      expect(isWholeJpeg(bytes)).toBeUndefined();
      expect(() => isWholeJpeg(Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), bytes, EOI]))).not.toThrow();
    }
  });
});

test("beginsAsJpeg accepts any first part of a JPEG, and nothing else", async () => {
  const jpeg = await sample();
  for (const length of [0, 1, 2, 3, 4, jpeg.length]) {
    expect(beginsAsJpeg(jpeg.subarray(0, length))).toBe(true);
  }
  expect(beginsAsJpeg(Buffer.from("\x89PNG"))).toBe(false);
  expect(beginsAsJpeg(Buffer.alloc(3))).toBe(false);
});
