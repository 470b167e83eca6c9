/** Pixels from one layout to another of the same size, by the fastest way there is on this machine. */
import { frameBytes, type PixelFormat, type RawFrame } from "../frame.ts";
import { canConvertToI420, isPacked, packedToI420 } from "./i420.ts";
import { type Planes, split } from "./planes.ts";
import { SwscaleConverter } from "./swscale.ts";

/** Converts pictures to one format; their own format and size may change from one to the next. */
export class PixelConverter {
  readonly #to: PixelFormat;
  readonly #swscale: SwscaleConverter;

  constructor(to: PixelFormat) {
    this.#to = to;
    this.#swscale = new SwscaleConverter(to);
  }

  /**
   * Fills `target`, which has the frame's size. One call at a time. Rejects a frame whose data is too short.
   * A plane of `i420` needs room behind it: of a narrow picture 16 bytes may be written there too.
   */
  async convert(frame: RawFrame, target: Planes): Promise<void> {
    const { format, width, height, data } = frame;
    const needed = frameBytes(format, width, height);
    if (data.length < needed)
      throw new Error(`a picture of ${width}x${height} ${format} takes ${needed} bytes, not ${data.length}`);
    if (this.#to === "i420" && canConvertToI420 && isPacked(frame)) {
      // A context for pictures that no longer come would be held for nothing.
      this.#swscale.close();
      await packedToI420(frame, target);
    } else await this.#swscale.convert(frame, target);
  }

  /** Frees it; only between conversions. */
  close(): void {
    this.#swscale.close();
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
