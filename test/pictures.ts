/** Small pictures for tests. */
import sharp from "sharp";
import type { ImageFrame, RawFrame } from "../src/frame.ts";
import type { EpochMs } from "../src/timing.ts";

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
