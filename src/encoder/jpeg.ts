/** Pixels to JPEG, for the MJPEG side of sources that hand over pixels. */
import sharp from "sharp";
import { BYTES_PER_PIXEL, type RawFrame } from "../frame.ts";

/** 90 is what the render loops write; it is also where JPEG artefacts stop being visible. */
const QUALITY = 90;

/** The frame as a baseline JPEG, 4:2:0. */
export async function encodeJpeg(frame: RawFrame): Promise<Buffer> {
  const { width, height, data, format } = frame;
  return sharp(data, { raw: { width, height, channels: BYTES_PER_PIXEL[format] } })
    .jpeg({ quality: QUALITY })
    .toBuffer();
}
