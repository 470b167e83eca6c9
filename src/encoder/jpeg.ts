/** Pixels to JPEG, for the MJPEG side of sources that hand over pixels. */
import sharp from "sharp";
import type { RawFrame } from "../frame.ts";
import { toRgb } from "./pixels.ts";

/** 90 is what the render loops write; it is also where JPEG artefacts stop being visible. */
const QUALITY = 90;

/** The frame as a baseline JPEG, 4:2:0. */
export async function encodeJpeg(frame: RawFrame): Promise<Buffer> {
  const { width, height, format } = frame;
  const direct = format === "rgb" || format === "rgba";
  const pixels = direct ? frame.data : await toRgb(frame);
  const channels = format === "rgba" ? 4 : 3;
  return sharp(pixels, { raw: { width, height, channels } }).jpeg({ quality: QUALITY }).toBuffer();
}
