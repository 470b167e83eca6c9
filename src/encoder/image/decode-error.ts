/** Errors of the image decoder. The library's messages stay hidden: they may quote the file or local paths. */

import type { Millis } from "../../base/clock.ts";
import { MAX_SIDE } from "../../media/frame.ts";

/** Limit for decoding one picture. */
export const DECODE_TIMEOUT: Millis = 5000;

/** The kind of a {@link DecodeError}, as counted in `/metrics`. */
export type DecodeFault = "too_large" | "too_slow" | "undecodable" | "crowded" | "crashed" | "no_decoder";

/** The size of a picture in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A picture that cannot be shown. The message continues the sentence "The pictures that come cannot be shown:". */
export class DecodeError extends Error {
  readonly why: DecodeFault;
  /** The refusal, or the size that is too large: what the decoder process reports to the server. */
  readonly about: Size | Refusal;

  constructor(why: DecodeFault, about: Size | Refusal, message: string, options?: ErrorOptions) {
    super(message, options);
    this.why = why;
    this.about = about;
  }
}

/** Kind and message of each refusal without numbers. */
const REFUSALS = {
  damaged: ["undecodable", "they are incomplete or damaged: send whole files"],
  unknown: ["undecodable", "their format is not supported: send JPEG, PNG, WebP, GIF, TIFF or AVIF"],
  slow: [
    "too_slow",
    `they take longer than ${DECODE_TIMEOUT / 1000} seconds to decode: send smaller ones, or JPEG`,
  ],
  crowded: ["crowded", "they take long to decode while other streams wait: send smaller ones, or JPEG"],
  hungry: ["too_large", "they take too much memory to decode: send smaller ones, or JPEG"],
  crashed: ["crashed", "the decoder crashed on them: send JPEG"],
  noDecoder: ["no_decoder", "the server cannot start the process that decodes them: send JPEG"],
} as const satisfies Record<string, readonly [DecodeFault, string]>;

/** A refusal whose message has no numbers. */
export type Refusal = keyof typeof REFUSALS;

/** All refusals. The index is their number on the wire. */
export const REFUSAL_KINDS = Object.keys(REFUSALS) as readonly Refusal[];

/** Makes the error for a refusal. */
export function refusal(kind: Refusal, cause?: unknown): DecodeError {
  const [why, message] = REFUSALS[kind];
  return new DecodeError(why, kind, message, { cause });
}

/**
 * Checks a picture's size. Sides have a limit of their own, because each row has a fixed cost.
 * @throws {DecodeError} if a side or the area is too large.
 */
export function checkSize(size: Size, maxPixels: number): void {
  const { width, height } = size;
  const refuse = (limit: string) =>
    new DecodeError("too_large", size, `they are ${width}x${height}, and ${limit}: send smaller ones`);
  if (Math.max(width, height) > MAX_SIDE) throw refuse(`no side may have more than ${MAX_SIDE} pixels`);
  if (width * height > maxPixels) throw refuse(`no picture may have more than ${maxPixels} pixels`);
}
