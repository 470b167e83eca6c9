/** The multipart body of a publisher, part by part. */
import { frameBytes, type PixelFormat } from "../../src/media/frame.ts";

/** The closing boundary, which ends the body on purpose. */
export const CLOSING = Buffer.from("--frame--\r\n");

export const IDLE = part({ "Content-Type": "application/x-idle" }, "");

/** One part with the boundary `frame` and the length of its body, unless the headers state another length. */
export function part(headers: Readonly<Record<string, string>>, body: Buffer | string): Buffer {
  const bytes = Buffer.from(body);
  const lines = Object.entries({ "Content-Length": String(bytes.length), ...headers });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.concat([Buffer.from(`--frame\r\n${head}\r\n`), bytes, Buffer.from("\r\n")]);
}

export function image(data: Buffer | string, headers: Readonly<Record<string, string>> = {}): Buffer {
  return part({ "Content-Type": "image/jpeg", ...headers }, data);
}

/** A part of raw pixels, all 0 by default. */
export function raw(
  format: PixelFormat,
  width: number,
  height: number,
  data: Buffer = Buffer.alloc(frameBytes(format, width, height)),
  more = "",
): Buffer {
  const type = `application/x-raw-pixels; format=${format}; width=${width}; height=${height}${more}`;
  return part({ "Content-Type": type }, data);
}
