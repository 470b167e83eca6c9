/** Checks data that comes as text: in a header of a frame, in a request, or in a file beside the picture. */

/** Limit for the telemetry of one frame, in bytes. */
export const MAX_TELEMETRY_BYTES = 16 * 1024;

/** Data that is refused. The message is a sentence for its sender. */
export class TelemetryError extends Error {
  readonly kind: "too-large" | "invalid";

  constructor(kind: TelemetryError["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

/**
 * The text of one JSON object, on one line.
 * @param name names the text in errors, such as `X-Telemetry`.
 * @throws {TelemetryError} if it is no JSON object, or too large.
 */
export function telemetryOf(text: string, name: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_TELEMETRY_BYTES) {
    const message = `${name} has ${bytes} bytes. The telemetry of a frame takes at most ${MAX_TELEMETRY_BYTES} bytes: send less.`;
    throw new TelemetryError("too-large", message);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new TelemetryError(
      "invalid",
      /\b(NaN|Infinity)\b/.test(text)
        ? `${name} is not valid JSON, which has no NaN and no Infinity: send null instead.`
        : `${name} is not valid JSON: send an object such as {"angle": 31.5}.`,
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TelemetryError("invalid", `${name} must be a JSON object, such as {"angle": 31.5}.`);
  }
  // Line breaks are white space in JSON, but they end a line in HTTP headers and in server-sent events.
  return text.replaceAll(/[\r\n]+/g, " ");
}

/** As {@link telemetryOf}, of bytes in UTF-8. A byte order mark is ignored. */
export function telemetryIn(bytes: Uint8Array, name: string): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new TelemetryError("invalid", `${name} is not UTF-8: send JSON in UTF-8.`);
  }
  return telemetryOf(text, name);
}
