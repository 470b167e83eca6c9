/** Pixels from one layout or size to another, by the fastest way there is on this machine. */
import { frameBytes, type PixelFormat, type RawFrame } from "../../media/frame.ts";
import { canConvertToI420, isPacked, packedToI420 } from "./i420.ts";
import type { Matrix } from "./matrix.ts";
import { type Planes, type Size, split } from "./planes.ts";
import { Rematrixer } from "./rematrix.ts";
import { SwscaleConverter } from "./swscale.ts";

/** Converts pictures to one format; their own format and size may change from one to the next. */
export class PixelConverter {
  readonly #to: PixelFormat;
  readonly #matrix: Matrix;
  readonly #swscale: SwscaleConverter;
  readonly #rematrixer: Rematrixer | undefined;

  /** @param matrix of what it makes, where that is planar; what is taken is BT.601. */
  constructor(to: PixelFormat, matrix: Matrix = "bt601") {
    this.#to = to;
    this.#matrix = matrix;
    this.#swscale = new SwscaleConverter(to);
    if (matrix === "bt709" && (to === "i420" || to === "nv12")) this.#rematrixer = new Rematrixer(to);
  }

  /**
   * Fills `target`, which has the frame's size unless another is given. One call at a time. Rejects a frame whose data is too short.
   * A plane of `i420` needs room behind it: of a narrow picture 16 bytes may be written there too.
   */
  async convert(frame: RawFrame, target: Planes, size: Size = frame): Promise<void> {
    const { format, width, height, data } = frame;
    const needed = frameBytes(format, width, height);
    if (data.length < needed)
      throw new Error(`a picture of ${width}x${height} ${format} takes ${needed} bytes, not ${data.length}`);
    const isScaled = size.width !== width || size.height !== height;
    if (this.#to === "i420" && canConvertToI420 && isPacked(frame) && !isScaled) {
      // Contexts for pictures that no longer come would be held for nothing.
      this.close();
      await packedToI420(frame, target, this.#matrix);
    } else if (this.#rematrixer) {
      await this.#swscale.convert(frame, this.#rematrixer.source(size.width, size.height), size);
      await this.#rematrixer.convert(target);
    } else await this.#swscale.convert(frame, target, size);
  }

  /** Frees it; only between conversions. */
  close(): void {
    this.#swscale.close();
    this.#rematrixer?.close();
  }
}

/** The frame as packed RGB. */
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
