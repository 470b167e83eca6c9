/** Converts a program's frame to a part, so that it meets the same checks and limits as a publisher's. */
import type { Part } from "../shared/multipart.ts";
import { PushError } from "./push-error.ts";
import type { Frame, FrameDetails } from "./types.ts";

/**
 * The part of a frame, with a copy of its bytes.
 * @throws {PushError} if the arguments have other types than TypeScript allows.
 */
export function partOf(frame: Frame, data: unknown, { captured, number }: FrameDetails): Part {
  const headers = new Map<string, string>();
  const set = (name: string, value: unknown) => {
    if (value !== undefined) headers.set(name, String(value));
  };
  set("x-telemetry", jsonOf(data));
  set("x-captured", captured);
  set("x-frame-number", number);
  if (frame instanceof Uint8Array) return { headers, body: copyOf(frame) };
  if (!(frame?.data instanceof Uint8Array || frame?.data instanceof Uint8ClampedArray)) {
    const forms = "the bytes of an image file, or { format, width, height, data }";
    throw new PushError("bad-header", `A frame is ${forms}, with bytes in a Uint8Array.`);
  }
  const { format, width, height, rows = "top-down" } = frame;
  set(
    "content-type",
    `application/x-raw-pixels; format=${format}; width=${width}; height=${height}; rows=${rows}`,
  );
  return { headers, body: copyOf(frame.data) };
}

function jsonOf(data: unknown): string | undefined {
  if (data === undefined) return undefined;
  try {
    const text = JSON.stringify(data);
    if (text?.startsWith("{")) return text;
  } catch (cause) {
    const message = "The data of a frame must be plain: JSON has no cycles and no BigInt.";
    throw new PushError("bad-telemetry", message, { cause });
  }
  throw new PushError("bad-telemetry", "The data of a frame must be an object, such as { angle: 31.5 }.");
}

/** The memory of a frame is given back once it is sent, so it must be a copy, outside of Node's pool. */
function copyOf({ buffer, byteOffset, byteLength }: Uint8Array | Uint8ClampedArray): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(Buffer.allocUnsafeSlow(byteLength).buffer);
  copy.set(new Uint8Array(buffer, byteOffset, byteLength));
  return copy;
}
