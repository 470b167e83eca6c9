import sharp, { type Sharp } from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { DecodeError, Decoder } from "../../../src/encoder/image/decode.ts";
import { encodeJpeg } from "../../../src/encoder/image/jpeg.ts";
import { checkHeader, toPixels } from "../../../src/encoder/image/pixels.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { gradientJpeg, imageFrame, plain } from "../../helpers/pictures.ts";

const MAX_PIXELS = 1_000_000;
const clock = new FakeClock(2000);
const decodeBytes = async (data: Buffer, maxPixels = MAX_PIXELS) => {
  await checkHeader(data, maxPixels);
  return toPixels(data, maxPixels);
};

describe("decoding", () => {
  test("gives RGB pixels in their order", async () => {
    const source = Buffer.from([255, 0, 0, 0, 255, 0, 0, 0, 255, 128, 128, 128]);
    const png = await sharp(source, { raw: { width: 2, height: 2, channels: 3 } })
      .png()
      .toBuffer();
    const raw = await decodeBytes(png);
    expect(raw).toEqual({ width: 2, height: 2, data: source });
  });

  test.each([
    ["a grey JPEG", (s: Sharp) => s.toColourspace("b-w").jpeg()],
    ["a JPEG in CMYK", (s: Sharp) => s.toColourspace("cmyk").jpeg()],
    ["a PNG with transparency", (s: Sharp) => s.ensureAlpha(0.5).png()],
    ["a 16-bit PNG", (s: Sharp) => s.toColourspace("rgb16").png()],
    ["a WebP", (s: Sharp) => s.webp()],
    ["a GIF", (s: Sharp) => s.gif()],
    ["a TIFF", (s: Sharp) => s.tiff()],
    ["an AVIF", (s: Sharp) => s.avif()],
  ])("gives three bytes per pixel for %s", async (_, write) => {
    const image = sharp({ create: { width: 11, height: 7, channels: 3, background: "#4080c0" } });
    const raw = await decodeBytes(await write(image).toBuffer());
    expect([raw.width, raw.height, raw.data.length]).toEqual([11, 7, 11 * 7 * 3]);
  });

  test("accepts a picture of one pixel", async () => {
    const raw = await decodeBytes(await encodeJpeg(plain(1, 1, [200, 10, 10])));
    expect([raw.width, raw.height]).toEqual([1, 1]);
  });
});

describe("an invalid picture", () => {
  let jpeg: Buffer;
  beforeAll(async () => {
    jpeg = await gradientJpeg(64, 48);
  });

  test.each([
    ["nothing", () => Buffer.alloc(0)],
    ["text", () => Buffer.from("<html>not a picture</html>")],
    ["zeros", () => Buffer.alloc(1000)],
    ["a drawing in SVG", () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
    ["only the start of a JPEG", () => Buffer.from([0xff, 0xd8, 0xff])],
  ])("is refused: %s", async (_, bytes) => {
    await expect(decodeBytes(bytes())).rejects.toThrow(DecodeError);
  });

  test("is refused if it is cut off anywhere", async () => {
    for (let length = 0; length < jpeg.length - 2; length += 13) {
      await expect(decodeBytes(jpeg.subarray(0, length))).rejects.toThrow(DecodeError);
    }
  });

  test("is refused if its header states a wrong size", async () => {
    const lying = Buffer.from(jpeg);
    const frameHeader = lying.indexOf(Buffer.from([0xff, 0xc0]));
    lying.writeUInt16BE(4800, frameHeader + 5);
    await expect(decodeBytes(lying, 100_000_000)).rejects.toThrow(DecodeError);
  });

  test("is refused before decoding if it has too many pixels", async () => {
    const huge = await sharp({ create: { width: 4000, height: 4000, channels: 3, background: "red" } })
      .png()
      .toBuffer();
    await expect(decodeBytes(huge)).rejects.toThrow(
      /^they are 4000x4000, and no picture may have more than 1000000 pixels/,
    );
  });

  test("is refused if a side is too long for the codecs, even with few pixels", async () => {
    const ofWidth = (width: number) =>
      sharp({ create: { width, height: 2, channels: 3, background: "red" } })
        .png()
        .toBuffer();
    await expect(decodeBytes(await ofWidth(16_384))).rejects.toMatchObject({ why: "too_large" });
    expect(await decodeBytes(await ofWidth(16_383))).toMatchObject({ width: 16_383 });
  });

  test("with random wrong bytes either decodes or throws a DecodeError", async () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    let refused = 0;
    for (let i = 0; i < 300; i++) {
      const broken = Buffer.from(jpeg);
      for (let hits = random(8); hits >= 0; hits--) broken[random(broken.length)] = random(256);
      await decodeBytes(broken, 100_000_000).catch((error) => {
        expect(error).toBeInstanceOf(DecodeError);
        refused++;
      });
    }
    expect(refused).toBeGreaterThan(50);
  });
});

test("error messages are our own, and never text from the picture", async () => {
  const evil = `<!DOCTYPE svg [<!ENTITY x "y">]><svg>&${"evil\u202e\n\x1b[31m".repeat(500)};</svg>`;
  const files = [Buffer.from(evil), (await gradientJpeg(64, 48)).subarray(0, 300), Buffer.alloc(99)];
  for (const file of files) {
    const error = await decodeBytes(file).catch((refused) => refused);
    expect(error.message).toMatch(
      /^(they are incomplete or damaged|their format is not supported): send [\w ,]+$/,
    );
  }
});

test("a decoder decodes a JPEG with its time, refuses oversized and invalid pictures, and leaves no timer", async () => {
  const decoder = new Decoder(MAX_PIXELS, clock);
  const raw = await decoder.decode(imageFrame(await encodeJpeg(plain(9, 4, [200, 10, 10]))));
  expect(raw).toMatchObject({ kind: "raw", format: "rgb", width: 9, height: 4, number: 1 });
  expect(raw.timings).toEqual({ captured: 1000, received: 1001, decoded: 2000 });
  await expect(
    decoder.decode(imageFrame(await encodeJpeg(plain(1001, 1000, [0, 0, 0])))),
  ).rejects.toMatchObject({
    why: "too_large",
    message: "they are 1001x1000, and no picture may have more than 1000000 pixels: send smaller ones",
  });
  for (const none of ["", "<html>", "\xff\xd8", "<svg/>"])
    await expect(decoder.decode(imageFrame(Buffer.from(none, "latin1")))).rejects.toMatchObject({
      why: "undecodable",
    });
  expect(clock.timers).toBe(0);
});
