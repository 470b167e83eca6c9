/** Bytes at equal SSIM: a frame as VP8 within the stream, and as a JPEG. No network, no browser. */
import { AV_LOG_ERROR } from "node-av/constants";
import { Log } from "node-av/lib";
import sharp from "sharp";
import type { EpochMs } from "../../src/base/clock.ts";
import { defaultBitrate } from "../../src/encoder/bitrate.ts";
import { PixelConverter } from "../../src/encoder/pixels/converter.ts";
import type { Planes } from "../../src/encoder/pixels/planes.ts";
import { Scene } from "../../src/source/pattern/scene.ts";
import { Coder } from "../encode/coder.ts";
import { LANES, REFERENCE } from "../encode/lanes.ts";
import { type Shot, toI420 } from "../encode/pictures.ts";
import { type Plane, ssim } from "../encode/ssim.ts";
import { mean } from "../statistics.ts";
import { luma } from "./luma.ts";

/** Shares of the default bitrate; the last is the default itself. */
const RATES = [0.05, 0.1, 0.2, 0.3, 0.5, 1];
/** JPEG qualities. Our MJPEG and most render loops use 90. */
const QUALITIES = [20, 40, 60, 75, 85, 90, 95];
const FRAMES = 90;
/** Frames not counted, until the encoder has settled. */
const WARM_UP = 30;
/** Every n-th frame is compared. */
const COMPARED = 10;

/** Means over the compared frames. */
interface Point {
  readonly bytes: number;
  readonly ssim: number;
}

/** The SSIM of VP8 at a bitrate, and the bytes per frame of VP8 and of a JPEG with that SSIM. */
export interface Equal {
  /** The share of the default bitrate. */
  readonly share: number;
  readonly ssim: number;
  readonly vp8: number;
  readonly jpeg: number;
}

/**
 * Compares VP8 at several bitrates with JPEG.
 * @param shot `noise` and `pan` are ignored
 */
export async function bytesAtEqualSsim(shot: Shot): Promise<Equal[]> {
  Log.setLevel(AV_LOG_ERROR);
  const frames = await draw(shot);
  const compared = frames.filter((_, n) => n >= WARM_UP && n % COMPARED === 0);
  const jpegs: Point[] = [];
  for (const quality of QUALITIES) jpegs.push(await codeJpeg(shot, compared, quality));
  const rows: Equal[] = [];
  for (const share of RATES) {
    const point = await codeVp8(shot, frames, share);
    rows.push({ share, ssim: point.ssim, vp8: point.bytes, jpeg: bytesFor(jpegs, point.ssim) });
  }
  return rows;
}

interface Drawn {
  readonly rgba: Buffer;
  readonly luma: Plane;
  readonly planes: Planes;
}

async function draw({ width, height, fps }: Shot): Promise<Drawn[]> {
  const scene = new Scene(width, height);
  const converter = new PixelConverter("i420");
  const drawn: Drawn[] = [];
  for (let number = 1; number <= FRAMES; number++) {
    const captured = (1_700_000_000_000 + (number * 1000) / fps) as EpochMs;
    const pixels = new Int32Array(width * height);
    scene.draw(pixels, { frameNumber: number, time: captured });
    const rgba = Buffer.from(pixels.buffer);
    const planes = await toI420(converter, rgba, { width, height, number, captured });
    drawn.push({ rgba, luma: { data: luma(rgba), stride: width }, planes });
  }
  converter.close();
  return drawn;
}

async function codeVp8(shot: Shot, frames: readonly Drawn[], share: number): Promise<Point> {
  const { width, height, fps } = shot;
  const coder = new Coder(shot);
  const lane = LANES[REFERENCE];
  if (!lane) throw new Error(`There is no lane ${REFERENCE}.`);
  await coder.open(lane, Math.round(share * defaultBitrate(width, height, fps)));
  const [bytes, similarities]: [number[], number[]] = [[], []];
  for (const [n, frame] of frames.entries()) {
    const cost = await coder.code(frame.planes, n);
    if (n < WARM_UP) continue;
    bytes.push(cost.bytes);
    if (n % COMPARED === 0)
      similarities.push(ssim(frame.luma, fullRange(coder.luma, width, height), width, height));
  }
  coder.close();
  return { bytes: mean(bytes), ssim: mean(similarities) };
}

async function codeJpeg({ width, height }: Shot, frames: readonly Drawn[], quality: number): Promise<Point> {
  const [bytes, similarities]: [number[], number[]] = [[], []];
  for (const frame of frames) {
    const jpeg = await sharp(frame.rgba, { raw: { width, height, channels: 4 } })
      .jpeg({ quality })
      .toBuffer();
    const shown = await sharp(jpeg).ensureAlpha().raw().toBuffer();
    bytes.push(jpeg.length);
    similarities.push(ssim(frame.luma, { data: luma(shown), stride: width }, width, height));
  }
  return { bytes: mean(bytes), ssim: mean(similarities) };
}

/** Converts limited range (16 to 235) to full range. */
function fullRange({ data, stride }: Plane, width: number, height: number): Plane {
  const full = new Uint8ClampedArray(width * height);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) full[at] = (((data[y * stride + x] as number) - 16) * 255) / 219;
  return { data: new Uint8Array(full.buffer), stride: width };
}

/** Interpolates the bytes for an SSIM, geometrically between two points; NaN outside their range. */
function bytesFor(points: readonly Point[], similarity: number): number {
  const above = points.findIndex((point) => point.ssim >= similarity);
  const [high, low] = [points[above], points[above - 1]];
  if (!high || !low) return Number.NaN;
  const share = (similarity - low.ssim) / (high.ssim - low.ssim);
  return low.bytes * (high.bytes / low.bytes) ** share;
}
