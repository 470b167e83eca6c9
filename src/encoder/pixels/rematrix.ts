/**
 * Converts planar YUV from BT.601 to BT.709 with FFmpeg's swscale (node-av). Swscale reads the matrix only from
 * FFmpeg's own frames, so pictures are copied into them. Used for planar input, and without WebAssembly SIMD.
 */
import { AVCOL_RANGE_MPEG, AVCOL_SPC_BT709, AVCOL_SPC_SMPTE170M } from "node-av/constants";
import { Frame, SoftwareScaleContext } from "node-av/lib";
import { planesOf } from "../../media/frame.ts";
import { copyRows, type Planes } from "./planes.ts";
import { FFMPEG_FORMATS } from "./swscale.ts";

interface Opened {
  readonly width: number;
  readonly height: number;
  readonly context: SoftwareScaleContext;
  readonly source: Frame;
  readonly target: Frame;
}

/** Converts the matrix of pictures. First fill {@link source}, then call {@link convert}. */
export class Rematrixer {
  readonly #format: "i420" | "nv12";
  #opened: Opened | undefined;

  constructor(format: "i420" | "nv12") {
    this.#format = format;
  }

  /** The memory for the next picture to convert, of this size in pixels. Valid until the size changes. */
  source(width: number, height: number): Planes {
    if (this.#opened?.width !== width || this.#opened.height !== height) this.#open(width, height);
    const { data, linesize } = (this.#opened as Opened).source;
    return { data: data ?? [], strides: linesize };
  }

  /** Converts the picture in {@link source} into `target`. Rejects if there is none, or the conversion fails. */
  async convert(target: Planes): Promise<void> {
    if (!this.#opened) throw new Error("there is no picture to convert");
    const { context, source, target: made, width, height } = this.#opened;
    const code = await context.scaleFrame(made, source);
    if (code < 0) throw new Error(`cannot convert a picture of ${width}x${height} to BT.709`);
    for (const [n, { rows, stride }] of planesOf(this.#format, width, height).entries()) {
      const [from, to] = [made.data?.[n], target.data[n]];
      if (!from || !to) throw new Error(`a picture lacks plane ${n}`);
      copyRows(from, made.linesize[n] ?? 0, to, target.strides[n] ?? 0, stride, rows);
    }
  }

  /** Frees native memory. Call it only between conversions. */
  close(): void {
    this.#opened?.source.free();
    this.#opened?.target.free();
    this.#opened?.context.freeContext();
    this.#opened = undefined;
  }

  #open(width: number, height: number): void {
    this.close();
    const frameOf = (matrix: Frame["colorSpace"]) => {
      const frame = new Frame();
      frame.alloc();
      frame.width = width;
      frame.height = height;
      frame.format = FFMPEG_FORMATS[this.#format];
      frame.colorSpace = matrix;
      frame.colorRange = AVCOL_RANGE_MPEG;
      if (frame.getBuffer() < 0) throw new Error(`cannot allocate a picture of ${width}x${height}`);
      return frame;
    };
    const context = new SoftwareScaleContext();
    context.allocContext();
    const [source, target] = [frameOf(AVCOL_SPC_SMPTE170M), frameOf(AVCOL_SPC_BT709)];
    this.#opened = { width, height, context, source, target };
  }
}
