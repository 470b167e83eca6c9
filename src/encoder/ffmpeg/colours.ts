/** The colours of encodings that say which they have: H.264's and AV1's. */
import {
  AVCOL_PRI_BT709,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_BT709,
  AVCOL_SPC_SMPTE170M,
  AVCOL_TRC_IEC61966_2_1,
} from "node-av/constants";
import type { CodecContext } from "node-av/lib";
import type { EncoderSettings } from "../encoder.ts";
import type { Matrix } from "../pixels/matrix.ts";

export function matrixOf({ width, height }: EncoderSettings): Matrix {
  return width >= 1280 || height >= 720 ? "bt709" : "bt601";
}

/** Decoders that are not told guess by the size. Source pixels are sRGB, whose primaries are those of BT.709. */
export function describeColours(context: CodecContext, settings: EncoderSettings): void {
  context.colorSpace = matrixOf(settings) === "bt709" ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
  context.colorRange = AVCOL_RANGE_MPEG;
  context.colorPrimaries = AVCOL_PRI_BT709;
  context.colorTrc = AVCOL_TRC_IEC61966_2_1;
}
