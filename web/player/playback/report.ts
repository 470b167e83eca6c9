/** Reads what the server reports about a frame. Invalid input counts as lost; nothing here throws. */
import type { FrameReport, Telemetry } from "../../../src/shared/protocol.ts";
import type { FrameTelemetry, ServerTimes } from "../figures/frame.ts";

const REQUIRED_NUMBERS = [
  "rtpTimestamp",
  "number",
  "captured",
  "received",
  "decoded",
  "encoded",
  "sent",
] as const;

/** Reads a message of the data channel; undefined if it is no report. */
export function readReport(message: unknown): FrameReport | undefined {
  const report = readObject(message);
  if (!report || !REQUIRED_NUMBERS.every((name) => Number.isFinite(report[name]))) return undefined;
  const { telemetry, ...rest } = report;
  return { ...(rest as unknown as FrameReport), ...(isObject(telemetry) ? { telemetry } : {}) };
}

/** Reads the times in the headers of an MJPEG part; undefined if they are missing. */
export function readTimes(headers: ReadonlyMap<string, string>): ServerTimes | undefined {
  const captured = readNumber(headers.get("x-captured"));
  const received = readNumber(headers.get("x-received"));
  const sent = readNumber(headers.get("x-sent"));
  if (captured === undefined || received === undefined || sent === undefined) return undefined;
  const number = readNumber(headers.get("x-frame-number"));
  return { number, captured, received, decoded: readNumber(headers.get("x-decoded")), sent };
}

/** Reads the telemetry in the headers of an MJPEG part; undefined if it has none. */
export function readTelemetry(headers: ReadonlyMap<string, string>): FrameTelemetry | undefined {
  const number = readNumber(headers.get("x-frame-number"));
  const data = readObject(headers.get("x-telemetry"));
  return number === undefined || !data ? undefined : { number, data };
}

function readNumber(text: string | undefined): number | undefined {
  const value = Number.parseFloat(text ?? "");
  return Number.isFinite(value) ? value : undefined;
}

function readObject(text: unknown): Telemetry | undefined {
  if (typeof text !== "string") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Telemetry {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
