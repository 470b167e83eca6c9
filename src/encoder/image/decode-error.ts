/** Why a picture cannot be shown, in our own words: the library's may quote a publisher's, or tell of this machine. */

import type { Millis } from "../../base/clock.ts";
import { MAX_SIDE } from "../../media/frame.ts";

/** One picture may take so long. */
export const DECODE_WITHIN: Millis = 5000;

/** What a {@link DecodeError} is about; `/metrics` counts by it. */
export type DecodeFault = "too_large" | "too_slow" | "undecodable" | "crowded" | "crashed" | "no_decoder";

/** What a picture's header tells of its pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A picture that cannot be shown. The message continues "The pictures that come cannot be shown:". */
export class DecodeError extends Error {
  readonly why: DecodeFault;
  /** What to say of it in another process. */
  readonly about: Size | Refusal;

  constructor(why: DecodeFault, about: Size | Refusal, message: string, options?: ErrorOptions) {
    super(message, options);
    this.why = why;
    this.about = about;
  }
}

/** The kinds of refusal that need no numbers. */
const REFUSALS = {
  damaged: ["undecodable", "they are cut short or damaged: send whole pictures"],
  unknown: [
    "undecodable",
    "they have no format that this server reads: send JPEG, PNG, WebP, GIF, TIFF or AVIF",
  ],
  slow: [
    "too_slow",
    `they take longer than ${DECODE_WITHIN / 1000} seconds to decode: send smaller ones, or JPEG`,
  ],
  crowded: ["crowded", "they take long to decode, and other streams wait: send smaller ones, or JPEG"],
  hungry: ["too_large", "they take too much memory to decode: send smaller ones, or JPEG"],
  crashed: ["crashed", "the decoder crashed on them: send JPEG"],
  noDecoder: ["no_decoder", "the server cannot start the process that decodes them: send JPEG"],
} as const satisfies Record<string, readonly [DecodeFault, string]>;

/** A kind of refusal that needs no numbers. */
export type Refusal = keyof typeof REFUSALS;

/** All of them, in an order that both sides of a pipe know. */
export const REFUSAL_KINDS = Object.keys(REFUSALS) as readonly Refusal[];

/** Makes the error of this kind. */
export function refusal(kind: Refusal, cause?: unknown): DecodeError {
  const [why, message] = REFUSALS[kind];
  return new DecodeError(why, kind, message, { cause });
}

/**
 * Checks what a picture's header tells, sides first: each row of a picture has a cost of its own.
 * @throws {DecodeError} for a side or an area that is too large.
 */
export function checkSize(size: Size, maxPixels: number): void {
  const { width, height } = size;
  const refuse = (limit: string) =>
    new DecodeError("too_large", size, `they are ${width}x${height}, and ${limit}: send smaller ones`);
  if (Math.max(width, height) > MAX_SIDE) throw refuse(`no side may have more than ${MAX_SIDE} pixels`);
  if (width * height > maxPixels) throw refuse(`no picture may have more than ${maxPixels} pixels`);
}
