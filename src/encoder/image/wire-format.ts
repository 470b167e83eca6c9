/**
 * The format of the pipes between server and decoder process. To the process: a picture's length, then the picture.
 * From it, after its start and for each picture: a header of four numbers, then the RGB pixels if it was decoded.
 * All numbers are unsigned 32-bit integers, little-endian.
 */
import type { Millis } from "../../base/clock.ts";
import { REFUSAL_KINDS, type Refusal, type Size } from "./decode-error.ts";

/** Bytes of a request's header, which holds the picture's length in bytes. */
export const REQUEST_BYTES = 4;

/** Bytes of an answer's header. */
export const ANSWER_BYTES = 16;

/** Answer: pixels of this width and height follow. */
const DECODED = 0;

/** Answer: the picture has this width and height, which is too large. */
const OVERSIZED = 1;

/** The process has started. */
const READY = 2;

/** Answer: the first of the refusals, followed by the others in the order of `REFUSAL_KINDS`. */
const REFUSED = 3;

/** The content of an answer's header: sizes in pixels, and `took`, the CPU time. */
export type Answer =
  | ({ readonly kind: "decoded"; readonly took: Millis } & Size)
  | ({ readonly kind: "oversized" } & Size)
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "ready" };

/** Writes an answer's header, of {@link ANSWER_BYTES}. */
export function writeAnswer(answer: Answer): Buffer {
  const header = Buffer.alloc(ANSWER_BYTES);
  if (answer.kind === "ready") header.writeUInt32LE(READY, 0);
  else if (answer.kind === "refused")
    header.writeUInt32LE(REFUSED + REFUSAL_KINDS.indexOf(answer.refusal), 0);
  else {
    header.writeUInt32LE(answer.kind === "decoded" ? DECODED : OVERSIZED, 0);
    header.writeUInt32LE(answer.width, 4);
    header.writeUInt32LE(answer.height, 8);
    if (answer.kind === "decoded") header.writeUInt32LE(Math.ceil(answer.took), 12);
  }
  return header;
}

/** Reads an answer's header; undefined if it is invalid. */
export function readAnswer(header: Buffer): Answer | undefined {
  const [kind, width, height] = [header.readUInt32LE(0), header.readUInt32LE(4), header.readUInt32LE(8)];
  if (kind === DECODED) return { kind: "decoded", width, height, took: header.readUInt32LE(12) };
  if (kind === OVERSIZED) return { kind: "oversized", width, height };
  if (kind === READY) return { kind: "ready" };
  const refusal = REFUSAL_KINDS[kind - REFUSED];
  return refusal && { kind: "refused", refusal };
}

/** Splits the chunks of a pipe into blocks of known lengths, of at least one byte each. */
export class Blocks {
  readonly #take: (block: Buffer) => number;
  #block: Buffer;
  #filled = 0;

  /**
   * @param first length of the first block, in bytes.
   * @param take takes a block, whose memory it may keep, and returns the length of the next.
   */
  constructor(first: number, take: (block: Buffer) => number) {
    this.#take = take;
    this.#block = Buffer.allocUnsafeSlow(first);
  }

  /** Takes a chunk; copies it. */
  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const copied = chunk.copy(this.#block, this.#filled, at);
      at += copied;
      this.#filled += copied;
      if (this.#filled < this.#block.length) continue;
      this.#filled = 0;
      this.#block = Buffer.allocUnsafeSlow(this.#take(this.#block));
    }
  }
}
