/**
 * What the server and a decoder's process say to each other. To it: the length of a picture, then the picture.
 * From it, once it has started and for each picture: a header of four numbers, and the pixels of a decoded picture.
 * All numbers have 32 bits.
 */
import type { Millis } from "../../timing.ts";
import { REFUSAL_KINDS, type Refusal, type Size } from "./error.ts";

/** Bytes of what precedes a picture. */
export const REQUEST_BYTES = 4;

/** Bytes of an answer's header. */
export const ANSWER_BYTES = 16;

/** Of an answer: pixels follow, of this width and height. */
const DECODED = 0;

/** Of an answer: the picture has this width and height, which is too large. */
const OVERSIZED = 1;

/** Not an answer: the process has started. */
const READY = 2;

/** Of an answer: the first kind of refusal. */
const REFUSED = 3;

/** What an answer's header says; `took` is the processor's time. */
export type Answer =
  | ({ readonly kind: "decoded"; readonly took: Millis } & Size)
  | ({ readonly kind: "oversized" } & Size)
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "ready" };

/** Writes an answer's header. */
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

/** Reads an answer's header; undefined for one that no decoder writes. */
export function readAnswer(header: Buffer): Answer | undefined {
  const [kind, width, height] = [header.readUInt32LE(0), header.readUInt32LE(4), header.readUInt32LE(8)];
  if (kind === DECODED) return { kind: "decoded", width, height, took: header.readUInt32LE(12) };
  if (kind === OVERSIZED) return { kind: "oversized", width, height };
  if (kind === READY) return { kind: "ready" };
  const refusal = REFUSAL_KINDS[kind - REFUSED];
  return refusal && { kind: "refused", refusal };
}

/** Cuts what comes by a pipe into blocks, each of at least a byte. */
export class Blocks {
  readonly #take: (block: Buffer) => number;
  #block: Buffer;
  #filled = 0;

  /** @param take takes a block, and returns the length of the next; `first` is that of the first. */
  constructor(first: number, take: (block: Buffer) => number) {
    this.#take = take;
    this.#block = Buffer.allocUnsafeSlow(first);
  }

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
