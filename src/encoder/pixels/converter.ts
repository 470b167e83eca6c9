/** Converts pixels between layouts and sizes: by WebAssembly if possible, otherwise by FFmpeg's swscale. */
import { frameBytes, type PixelFormat, type RawFrame } from "../../media/frame.ts";
import { canConvertToI420, isPacked, packedToI420 } from "./i420.ts";
import type { Matrix } from "./matrix.ts";
import { type Planes, type Size, split } from "./planes.ts";
import { Rematrixer } from "./rematrix.ts";
import { SwscaleConverter } from "./swscale.ts";

/** Converts pictures of any format and size to one format. */
export class PixelConverter {
  readonly #to: PixelFormat;
  readonly #matrix: Matrix;
  readonly #swscale: SwscaleConverter;
  readonly #rematrixer: Rematrixer | undefined;

  /** @param matrix of planar output. Planar input is always BT.601. */
  constructor(to: PixelFormat, matrix: Matrix = "bt601") {
    this.#to = to;
    this.#matrix = matrix;
    this.#swscale = new SwscaleConverter(to);
    if (matrix === "bt709" && (to === "i420" || to === "nv12")) this.#rematrixer = new Rematrixer(to);
  }

  /**
   * Fills `target`, which has `size`, by default that of the frame. Call it again only after it has settled.
   * Planes of `i420` need 16 bytes of padding behind them: narrow pictures overwrite it.
   * Rejects if the frame's data is too short, or the conversion fails.
   */
  async convert(frame: RawFrame, target: Planes, size: Size = frame): Promise<void> {
    const { format, width, height, data } = frame;
    const needed = frameBytes(format, width, height);
    if (data.length < needed)
      throw new Error(
        `a picture of ${width}x${height} ${format} needs ${needed} bytes, but has ${data.length}`,
      );
    const isScaled = size.width !== width || size.height !== height;
    if (this.#to === "i420" && canConvertToI420 && isPacked(frame) && !isScaled) {
      // Free the contexts of earlier formats.
      this.close();
      await packedToI420(frame, target, this.#matrix);
    } else if (this.#rematrixer) {
      await this.#swscale.convert(frame, this.#rematrixer.source(size.width, size.height), size);
      await this.#rematrixer.convert(target);
    } else await this.#swscale.convert(frame, target, size);
  }

  /** Frees native memory. Call it only between conversions. */
  close(): void {
    this.#swscale.close();
    this.#rematrixer?.close();
  }
}

/** Converts a frame to packed RGB, rows top down without padding. Rejects as {@link PixelConverter.convert}. */
export async function toRgb(frame: RawFrame): Promise<Buffer> {
  const { width, height } = frame;
  const data = Buffer.allocUnsafe(frameBytes("rgb", width, height));
  const converter = new PixelConverter("rgb");
  try {
    await converter.convert(frame, split("rgb", width, height, data));
  } finally {
    converter.close();
  }
  return data;
}
