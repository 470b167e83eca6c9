/** Converts pixels between layouts and sizes with FFmpeg's swscale (node-av), on a thread of libuv's pool. */
import {
  AV_PIX_FMT_BGRA,
  AV_PIX_FMT_NV12,
  AV_PIX_FMT_RGB24,
  AV_PIX_FMT_RGBA,
  AV_PIX_FMT_YUV420P,
  SWS_ACCURATE_RND,
  SWS_AREA,
  SWS_POINT,
} from "node-av/constants";
import { SoftwareScaleContext } from "node-av/lib";
import type { PixelFormat, RawFrame } from "../../media/frame.ts";
import { type Planes, type Size, split } from "./planes.ts";

/** FFmpeg's constants for our pixel formats. */
export const FFMPEG_FORMATS = {
  rgb: AV_PIX_FMT_RGB24,
  rgba: AV_PIX_FMT_RGBA,
  bgra: AV_PIX_FMT_BGRA,
  i420: AV_PIX_FMT_YUV420P,
  nv12: AV_PIX_FMT_NV12,
} as const satisfies Record<PixelFormat, unknown>;

/** Keeps memory from garbage collection while the library uses it on another thread. */
const inNativeUse = new Set<unknown>();

/** Converts pictures to one format. Each change of their size or format opens a new context. */
export class SwscaleConverter {
  readonly #to: PixelFormat;
  #opened: { readonly from: string; readonly context: SoftwareScaleContext } | undefined;

  constructor(to: PixelFormat) {
    this.#to = to;
  }

  /**
   * Fills `target`, which has `size`, by default that of the frame. Call it again only after it has settled.
   * Planes of `i420` need 16 bytes of padding behind them: narrow pictures overwrite it.
   * Rejects if the conversion fails.
   */
  async convert(frame: RawFrame, target: Planes, size: Size = frame): Promise<void> {
    const { format, width, height, data } = frame;
    const from = `${format} ${width}x${height} to ${size.width}x${size.height}`;
    if (this.#opened?.from !== from) {
      this.close();
      const context = new SoftwareScaleContext();
      const [source, to] = [FFMPEG_FORMATS[format], FFMPEG_FORMATS[this.#to]];
      const isScaled = size.width !== width || size.height !== height;
      const flags = isScaled ? SWS_AREA : flagsFor(format, this.#to);
      context.getContext(width, height, source, size.width, size.height, to, flags as typeof SWS_POINT);
      this.#opened = { from, context };
    }
    const source = split(format, width, height, data);
    const { context } = this.#opened;
    const inUse = [data, source, target];
    inNativeUse.add(inUse);
    try {
      const [into, strides] = [[...target.data], [...target.strides]];
      const lines = await context.scale([...source.data], [...source.strides], 0, height, into, strides);
      if (lines < 0) throw new Error(`cannot convert a picture from ${from} ${this.#to}`);
    } finally {
      inNativeUse.delete(inUse);
    }
  }

  /** Frees native memory. Call it only between conversions. */
  close(): void {
    this.#opened?.context.freeContext();
    this.#opened = undefined;
  }
}

function flagsFor(from: PixelFormat, to: PixelFormat): typeof SWS_POINT {
  // The faster conversion of I420 to RGB omits the last columns of rows that are not padded to 8 pixels.
  if (to === "rgb") return (SWS_POINT | SWS_ACCURATE_RND) as typeof SWS_POINT;
  // SWS_POINT would take chroma from every other row only.
  const isPacked = from !== "i420" && from !== "nv12";
  return isPacked ? (SWS_AREA as typeof SWS_POINT) : SWS_POINT;
}
