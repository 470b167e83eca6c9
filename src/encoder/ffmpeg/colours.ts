/** The colour description that H.264 and AV1 bitstreams carry. */
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

/** The matrix that decoders without a description assume: BT.709 for HD sizes, BT.601 for smaller ones. */
export function matrixOf({ width, height }: EncoderSettings): Matrix {
  return width >= 1280 || height >= 720 ? "bt709" : "bt601";
}

/** Sets the colour description of a bitstream. Source pixels are sRGB, with the primaries of BT.709. */
export function describeColours(context: CodecContext, settings: EncoderSettings): void {
  context.colorSpace = matrixOf(settings) === "bt709" ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
  context.colorRange = AVCOL_RANGE_MPEG;
  context.colorPrimaries = AVCOL_PRI_BT709;
  context.colorTrc = AVCOL_TRC_IEC61966_2_1;
}
