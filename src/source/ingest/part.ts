/** One part of a publisher's stream to one frame. Pure: the protocol is in `docs/protocol.md`. */

import type { EpochMs, Millis } from "../../base/clock.ts";
import { frameBytes, MAX_SIDE, type PixelFormat, planesOf, type SourceFrame } from "../../media/frame.ts";
import type { Part } from "../../shared/multipart.ts";

/** Keeps a publisher alive while it has nothing to show. */
const IDLE_TYPE = "application/x-idle";

const RAW_TYPE = "application/x-raw-pixels";

/** The longest telemetry of one frame, in bytes. */
export const MAX_TELEMETRY_BYTES = 16 * 1024;

/** Leaves room to count on. */
const MAX_NUMBER = 2 ** 48;

/** A capture time is believed if it is not longer ago. */
const BELIEVABLE_AGE: Millis = 10_000;

const FORMATS: readonly string[] = ["rgb", "rgba", "bgra", "i420", "nv12"] satisfies PixelFormat[];

/** Why a part is refused: the HTTP status, the counter it belongs to, and a sentence for the publisher. */
export class PartError extends Error {
  readonly status: 400 | 413 | 415;
  readonly fault: "bad_header" | "bad_length" | "too_large" | "bad_telemetry" | "bad_format";

  constructor(status: PartError["status"], fault: PartError["fault"], message: string) {
    super(message);
    this.status = status;
    this.fault = fault;
  }
}

export interface PartContext {
  readonly received: EpochMs;
  /** The number of a frame that does not tell its own. */
  readonly nextNumber: number;
  /** Whether the publisher's clock is ours, so that its capture times mean something here. */
  readonly sameClock: boolean;
  readonly maxPixels: number;
}

/**
 * The frame that a part carries; undefined for one that only keeps the publisher alive.
 * @throws {PartError} for a part that is not what the protocol says.
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
    const message = `A part of type ${type} is no picture: send image/... or ${RAW_TYPE}.`;
    throw new PartError(415, "bad_format", message);
  }
  if (data.length === 0) throw new PartError(400, "bad_length", "A picture of no bytes.");
  return { ...common, kind: "image", type, data };
}

function rawPicture(parameters: ReadonlyMap<string, string>, data: Buffer, maxPixels: number) {
  const format = parameters.get("format") ?? "";
  if (!isFormat(format)) {
    const message = `Raw pixels of format '${format}': send one of ${FORMATS.join(", ")}.`;
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
    throw new PartError(400, "bad_header", `Rows are top-down or bottom-up, not '${rows}'.`);
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

/** Rows of fewer bytes are swapped byte by byte: three calls a row would take longer. */
const SHORT_ROW = 64;

/** Turns the rows of each plane round, in place: nobody else has the part's bytes yet. */
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
  if (!/^\d+$/.test(text) || number < 1 || number > MAX_NUMBER) {
    const message = `X-Frame-Number is a whole number from 1 to ${MAX_NUMBER}, not '${text.slice(0, 40)}'.`;
    throw new PartError(400, "bad_header", message);
  }
  return number;
}

/** The capture time where it can be believed, else the time of receipt. */
function readCaptured(text: string | undefined, { received, sameClock }: PartContext): EpochMs {
  if (text === undefined) return received;
  const captured = Number(text);
  if (!Number.isFinite(captured)) {
    throw new PartError(400, "bad_header", `X-Captured is a time in ms, not '${text.slice(0, 40)}'.`);
  }
  const believable = sameClock && captured <= received && received - captured <= BELIEVABLE_AGE;
  return believable ? (captured as EpochMs) : received;
}

function readTelemetry(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const refuse = (message: string) => new PartError(400, "bad_telemetry", message);
  if (Buffer.byteLength(text) > MAX_TELEMETRY_BYTES) {
    throw refuse(`The telemetry of a frame takes at most ${MAX_TELEMETRY_BYTES} bytes.`);
  }
  // JSON takes it for a space, but it ends a line where the text goes on to: in headers and server-sent events.
  if (text.includes("\r")) throw refuse("X-Telemetry is one line.");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse("X-Telemetry is not JSON.");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refuse('X-Telemetry is a JSON object, such as {"angle": 31.5}.');
  }
  return text;
}

/** A media type and its parameters (RFC 9110, section 8.3.1), without quoting. */
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
