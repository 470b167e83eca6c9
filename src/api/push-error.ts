/** The error of a refused frame. */

/** Why a frame was refused. */
export type PushErrorCode =
  /** The frame, its size, format or number is wrong. */
  | "bad-header"
  /** The bytes do not fit the size and format, or there are none. */
  | "bad-length"
  /** The picture exceeds `maxFrameMb`, `maxMegapixels` or 16383 pixels on a side. */
  | "too-large"
  /** The data is not an object that JSON can hold, or takes more than 16 KiB. */
  | "bad-telemetry"
  /** The pixel format is unknown. */
  | "bad-format"
  /** Another publisher sends to this stream, or the stream has another source. */
  | "taken"
  /** The stream or the server is closed. */
  | "closed";

/** A frame was refused. The stream continues with the next one. The message says what to do. */
export class PushError extends Error {
  override readonly name = "PushError";
  readonly code: PushErrorCode;

  constructor(code: PushErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
