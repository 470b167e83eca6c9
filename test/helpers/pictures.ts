/** Small pictures for tests. */
import sharp from "sharp";
import type { EpochMs } from "../../src/base/clock.ts";
import { type ImageFrame, type PixelFormat, planesOf, type RawFrame } from "../../src/media/frame.ts";
import type { Random } from "./fuzz.ts";

export type Rgb = readonly [red: number, green: number, blue: number];

const timings = { captured: 1000 as EpochMs, received: 1001 as EpochMs };

/** A picture of one colour. */
export function plain(width: number, height: number, colour: Rgb, number = 1): RawFrame {
  const data = Buffer.alloc(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = colour[i % 3] ?? 0;
  return { kind: "raw", format: "rgb", width, height, data, number, timings };
}

/** A picture file: smooth gradients, so that a JPEG of it has every kind of coefficient. */
export async function gradientJpeg(width: number, height: number): Promise<Buffer> {
  const data = Buffer.alloc(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    data[i * 3] = ((i % width) * 255) / width;
    data[i * 3 + 1] = (Math.floor(i / width) * 255) / height;
    data[i * 3 + 2] = (i * 31) % 256;
  }
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
}

export function imageFrame(data: Buffer, type = "image/jpeg", number = 1): ImageFrame {
  return { kind: "image", type, data, number, timings };
}

/** The standards' coefficients, for limited range: rows for Y, Cb and Cr, columns for red, green and blue. */
export const YCC = {
  bt601: [
    [65.481, 128.553, 24.966],
    [-37.797, -74.203, 112],
    [112, -93.786, -18.214],
  ],
  bt709: [
    [46.559, 156.629, 15.812],
    [-25.664, -86.336, 112],
    [112, -101.73, -10.27],
  ],
} as const;

/** Y, Cb and Cr, limited range, of a colour. */
export function toYcc([red, green, blue]: Rgb, matrix: keyof typeof YCC = "bt601"): Rgb {
  const [y, cb, cr] = YCC[matrix].map(([r, g, b]) => (r * red + g * green + b * blue) / 255);
  return [Math.round(16 + (y ?? 0)), Math.round(128 + (cb ?? 0)), Math.round(128 + (cr ?? 0))];
}

/** Fills the picture with noise: each run of bytes has one random level below `levels`. */
export function fillNoise(data: Buffer, random: Random, run: number, levels = 256): void {
  for (let i = 0; i < data.length; i += run) data.fill(random(levels), i, Math.min(i + run, data.length));
}

/** The largest difference between the bytes and the levels, which repeat; infinite if there are no bytes. */
export function worstDifference(bytes: Uint8Array | undefined, levels: readonly number[]): number {
  if (!bytes?.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < bytes.length; i++)
    worst = Math.max(worst, Math.abs((bytes[i] ?? 0) - (levels[i % levels.length] ?? 0)));
  return worst;
}

/** The pixels of a picture with a stripe of each colour, from the top down. */
export function stripes(format: PixelFormat, width: number, height: number, colours: readonly Rgb[]): Buffer {
  const planes = planesOf(format, width, height).map(({ rows, stride }, plane) => {
    const rowOf = (colour: Rgb) => {
      const [red, green, blue] = colour;
      const [y, cb, cr] = toYcc(colour);
      const pixel = {
        rgb: [red, green, blue],
        rgba: [red, green, blue, 255],
        bgra: [blue, green, red, 255],
        i420: [[y, cb, cr][plane] ?? 0],
        nv12: plane === 0 ? [y] : [cb, cr],
      }[format];
      return Buffer.alloc(stride, Buffer.from(pixel));
    };
    const stripe = (row: number) => colours[Math.floor((row * colours.length) / rows)] ?? [0, 0, 0];
    return Buffer.concat(Array.from({ length: rows }, (_, row) => rowOf(stripe(row))));
  });
  return Buffer.concat(planes);
}

/** The same stripes as a picture file. */
export function stripesFile(
  type: "jpeg" | "png" | "webp",
  width: number,
  height: number,
  colours: readonly Rgb[],
): Promise<Buffer> {
  return sharp(stripes("rgb", width, height, colours), { raw: { width, height, channels: 3 } })
    .toFormat(type, type === "jpeg" ? { quality: 95 } : {})
    .toBuffer();
}
