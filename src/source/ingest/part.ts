/** Converts a part of a publisher's stream to a frame, without side effects. `docs/protocol.md` has the protocol. */

import type { EpochMs } from "../../base/clock.ts";
import { frameBytes, MAX_SIDE, type PixelFormat, planesOf, type SourceFrame } from "../../media/frame.ts";
import type { Part } from "../../shared/multipart.ts";
import { TelemetryError, telemetryOf } from "../telemetry.ts";
import { MAX_CAPTURE_AGE, MAX_FRAME_NUMBER, type PartLimits } from "./part-limits.ts";

/** A part of this type only keeps the connection alive. */
const IDLE_TYPE = "application/x-idle";

const RAW_TYPE = "application/x-raw-pixels";

const FORMATS: readonly string[] = ["rgb", "rgba", "bgra", "i420", "nv12"] satisfies PixelFormat[];

/** A refused part: the HTTP status, the counter in `/metrics`, and a sentence for the publisher as the message. */
export class PartError extends Error {
  readonly status: 400 | 413 | 415;
  readonly fault: "bad_header" | "bad_length" | "too_large" | "bad_telemetry" | "bad_format";

  constructor(status: PartError["status"], fault: PartError["fault"], message: string) {
    super(message);
    this.status = status;
    this.fault = fault;
  }
}

/** What {@link frameOf} needs to know besides the part. */
export interface PartContext extends Pick<PartLimits, "maxPixels"> {
  readonly received: EpochMs;
  /** The number of a frame without one of its own. */
  readonly nextNumber: number;
  /** Whether the publisher runs on this machine's clock; otherwise its capture times are ignored. */
  readonly sameClock: boolean;
}

/**
 * The frame of a part; undefined for an idle part. The frame uses the part's memory, without a copy.
 * @throws {PartError} if the part violates the protocol.
 */
export function frameOf({ headers, body }: Part, context: PartContext): SourceFrame | undefined {
  const { type, parameters } = mediaType(headers.get("content-type") ?? "image/jpeg");
  if (type === IDLE_TYPE) return undefined;
  const telemetry = readTelemetry(headers.get("x-telemetry"));
  const common = {
    number: readNumber(headers.get("x-frame-number")) ?? context.nextNumber,
    timings: { captured: readCaptured(headers.get("x-captured"), context), received: context.received },
    ...(telemetry === undefined ? {} : { telemetry }),
  };
  const data = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (type === RAW_TYPE) return { ...common, ...rawPicture(parameters, data, context.maxPixels) };
  if (!type.startsWith("image/")) {
    const message = `A part of type ${type} is not a picture: send image/... or ${RAW_TYPE}.`;
    throw new PartError(415, "bad_format", message);
  }
  if (data.length === 0)
    throw new PartError(400, "bad_length", "The picture has no bytes: send a whole file.");
  return { ...common, kind: "image", type, data };
}

function rawPicture(parameters: ReadonlyMap<string, string>, data: Buffer, maxPixels: number) {
  const format = parameters.get("format") ?? "";
  if (!isFormat(format)) {
    const message = `Raw pixels of the unknown format '${format}': send one of ${FORMATS.join(", ")}.`;
    throw new PartError(415, "bad_format", message);
  }
  const width = readSide(parameters.get("width"), "width");
  const height = readSide(parameters.get("height"), "height");
  if (width * height > maxPixels) {
    throw new PartError(413, "too_large", `${width}x${height} is more than the ${maxPixels} pixels allowed.`);
  }
  const expected = frameBytes(format, width, height);
  if (data.length !== expected) {
    const message = `${width}x${height} ${format} takes ${expected} bytes, but the part has ${data.length}.`;
    throw new PartError(400, "bad_length", message);
  }
  const rows = parameters.get("rows") ?? "top-down";
  if (rows !== "top-down" && rows !== "bottom-up") {
    throw new PartError(400, "bad_header", `Rows must be top-down or bottom-up, not '${rows}'.`);
  }
  if (rows === "bottom-up") flip(format, width, height, data);
  return { kind: "raw", format, width, height, data } as const;
}

function isFormat(text: string): text is PixelFormat {
  return FORMATS.includes(text);
}

function readSide(text: string | undefined, name: string): number {
  const side = Number(text);
  if (!/^\d{1,5}$/.test(text ?? "") || side === 0) {
    throw new PartError(
      400,
      "bad_header",
      `Raw pixels need a ${name} from 1 to ${MAX_SIDE}, not '${text ?? ""}'.`,
    );
  }
  if (side > MAX_SIDE) {
    throw new PartError(
      413,
      "too_large",
      `A ${name} of ${side} is more than the ${MAX_SIDE} pixels allowed.`,
    );
  }
  return side;
}

/** Shorter rows, in bytes, are swapped byte by byte: three copy calls per row would take longer. */
const SHORT_ROW = 64;

/** Reverses the order of rows in each plane, in place: nothing else uses the part's bytes yet. */
function flip(format: PixelFormat, width: number, height: number, data: Buffer): void {
  let start = 0;
  for (const { rows, stride } of planesOf(format, width, height)) {
    const swap = stride < SHORT_ROW ? swapShortRows : swapRows;
    swap(data.subarray(start, start + rows * stride), stride);
    start += rows * stride;
  }
}

function swapRows(plane: Buffer, stride: number): void {
  const row = Buffer.allocUnsafe(stride);
  for (let upper = 0, lower = plane.length - stride; upper < lower; upper += stride, lower -= stride) {
    plane.copy(row, 0, upper, upper + stride);
    plane.copyWithin(upper, lower, lower + stride);
    row.copy(plane, lower);
  }
}

function swapShortRows(plane: Buffer, stride: number): void {
  for (let upper = 0, lower = plane.length - stride; upper < lower; upper += stride, lower -= stride) {
    for (let i = 0; i < stride; i++) {
      const byte = plane[upper + i] ?? 0;
      plane[upper + i] = plane[lower + i] ?? 0;
      plane[lower + i] = byte;
    }
  }
}

function readNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > MAX_FRAME_NUMBER) {
    const message = `X-Frame-Number must be a whole number from 1 to ${MAX_FRAME_NUMBER}, not '${text.slice(0, 40)}'.`;
    throw new PartError(400, "bad_header", message);
  }
  return number;
}

/** The capture time if it is plausible, otherwise the time of receipt. */
function readCaptured(text: string | undefined, { received, sameClock }: PartContext): EpochMs {
  if (text === undefined) return received;
  const captured = Number(text);
  if (!Number.isFinite(captured)) {
    throw new PartError(
      400,
      "bad_header",
      `X-Captured must be a time in milliseconds, not '${text.slice(0, 40)}'.`,
    );
  }
  const isPlausible = sameClock && captured <= received && received - captured <= MAX_CAPTURE_AGE;
  return isPlausible ? (captured as EpochMs) : received;
}

function readTelemetry(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const refuse = (message: string) => new PartError(400, "bad_telemetry", message);
  if (text.includes("\r")) throw refuse("X-Telemetry has a line break: send it as one line.");
  try {
    return telemetryOf(text, "X-Telemetry");
  } catch (error) {
    throw error instanceof TelemetryError ? refuse(error.message) : error;
  }
}

/** Parses a media type (RFC 9110, section 8.3.1): type and names in lower case, values without quotes around them. */
export function mediaType(text: string): { type: string; parameters: Map<string, string> } {
  const [type = "", ...rest] = text.split(";");
  const parameters = new Map<string, string>();
  for (const parameter of rest) {
    const [name = "", ...value] = parameter.split("=");
    parameters.set(
      name.trim().toLowerCase(),
      value
        .join("=")
        .trim()
        .replace(/^"(.*)"$/, "$1"),
    );
  }
  return { type: type.trim().toLowerCase(), parameters };
}
