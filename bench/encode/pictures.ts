/** The frames to encode: the built-in scene, still or panned, identical in each run. */

import type { EpochMs } from "../../src/base/clock.ts";
import { PixelConverter } from "../../src/encoder/pixels/converter.ts";
import { type Planes, split } from "../../src/encoder/pixels/planes.ts";
import { frameBytes, type RawFrame } from "../../src/media/frame.ts";
import { Scene } from "../../src/source/pattern/scene.ts";

/** What to draw. */
export interface Shot {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Frames per second. */
  readonly fps: number;
  /** Luma noise in levels, up or down, as in a render with few samples. */
  readonly noise: number;
  /** Columns that the whole picture moves per frame, as with a panning camera. */
  readonly pan: number;
}

/** Draws `count` frames and converts them to I420. */
export async function pictures({ width, height, fps, noise, pan }: Shot, count: number): Promise<Planes[]> {
  const scene = new Scene(width, height);
  const converter = new PixelConverter("i420");
  const pixels = new Int32Array(width * height);
  const all: Planes[] = [];
  let seed = 1;
  for (let n = 0; n < count; n++) {
    const time = (1_700_000_000_000 + (n * 1000) / fps) as EpochMs;
    scene.draw(pixels, { frameNumber: n + 1, time });
    for (let row = 0, by = (n * pan) % width; by > 0 && row < pixels.length; row += width) {
      const left = pixels.slice(row, row + by);
      pixels.copyWithin(row, row + by, row + width).set(left, row + width - by);
    }
    const rgba = Buffer.from(pixels.buffer);
    const planes = await toI420(converter, rgba, { width, height, number: n + 1, captured: time });
    const luma = planes.data[0] ?? Buffer.alloc(0);
    for (let i = 0; noise && i < luma.length; i++) {
      seed = (seed * 48_271) % 2_147_483_647;
      luma[i] = Math.min(235, Math.max(16, (luma[i] as number) + (seed % (2 * noise + 1)) - noise));
    }
    all.push(planes);
  }
  converter.close();
  return all;
}

/** What {@link toI420} needs to know of a picture. */
interface About {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly number: number;
  readonly captured: EpochMs;
}

/** Converts an RGBA picture to I420 in memory of its own. */
export async function toI420(
  converter: PixelConverter,
  rgba: Buffer,
  { width, height, number, captured }: About,
): Promise<Planes> {
  const timings = { captured, received: captured };
  const frame: RawFrame = { kind: "raw", format: "rgba", number, width, height, data: rgba, timings };
  // 64 spare bytes: the conversion may write a little beyond the planes.
  const planes = split("i420", width, height, Buffer.alloc(frameBytes("i420", width, height) + 64));
  await converter.convert(frame, planes);
  return planes;
}
