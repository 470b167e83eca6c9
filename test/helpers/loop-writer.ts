/**
 * A render loop for tests: writes pictures and flags into a folder as real loops do, well or badly. Run by
 * itself, with its options as JSON, it is a loop in a separate process that writes without a pause.
 */
import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { isWholeJpeg } from "../../src/source/folder/jpeg.ts";

export const NAMES = {
  picture: "img.jpg",
  data: "img_data.json",
  written: "img_written.txt",
  running: "img_running.txt",
};

export interface LoopOptions {
  readonly folder: string;
  /** `truncate`: opens for writing, as most do. `in-place`: overwrites what is there. `rename`: moves a new file there. */
  readonly way?: "truncate" | "in-place" | "rename";
  /** `brief`: back to `0` at once after each `1`. */
  readonly flags?: "held" | "brief" | "none";
  /** The number of writes per picture. */
  readonly chunks?: number;
}

export class LoopWriter {
  readonly #options: Required<LoopOptions>;

  constructor(options: LoopOptions) {
    this.#options = { way: "truncate", flags: "held", chunks: 1, ...options };
  }

  begin(): void {
    this.#setRunning("1\n");
  }

  end(): void {
    this.#setRunning("0\n");
  }

  /** Writes one picture without a pause. */
  write(data: Buffer): void {
    for (const _ of this.steps(data));
  }

  /** Writes one picture step by step: the caller may pause between steps, or stop as in a crash. */
  *steps(data: Buffer): Generator<"flag" | "empty" | "chunk"> {
    if (this.#options.flags !== "none") yield* this.#flagSteps("0");
    yield* this.#pictureSteps(data);
    if (this.#options.flags !== "none") yield* this.#flagSteps("1");
    if (this.#options.flags === "brief") yield* this.#flagSteps("0");
  }

  *#pictureSteps(data: Buffer): Generator<"empty" | "chunk"> {
    const { folder, way, chunks } = this.#options;
    const path = join(folder, NAMES.picture);
    const target = way === "rename" ? `${path}.tmp` : path;
    const file = way === "in-place" ? openToOverwrite(target) : openSync(target, "w");
    try {
      if (way !== "in-place") yield "empty";
      const length = Math.ceil(data.length / chunks);
      for (let at = 0; at < data.length; at += length) {
        writeSync(file, data, at, Math.min(length, data.length - at), at);
        yield "chunk";
      }
      if (way === "in-place") ftruncateSync(file, data.length);
    } finally {
      closeSync(file);
    }
    if (way === "rename") renameSync(target, path);
  }

  *#flagSteps(text: string): Generator<"flag"> {
    const file = openSync(join(this.#options.folder, NAMES.written), "w");
    try {
      yield "flag";
      writeSync(file, text);
      yield "flag";
    } finally {
      closeSync(file);
    }
  }

  #setRunning(text: string): void {
    if (this.#options.flags === "none") return;
    const file = openSync(join(this.#options.folder, NAMES.running), "w");
    writeSync(file, text);
    closeSync(file);
  }
}

function openToOverwrite(path: string): number {
  try {
    return openSync(path, "r+");
  } catch {
    return openSync(path, "w+");
  }
}

/** Distinct pictures of noise, numbered from 1, all of one length, so that any mixture of two is neither. */
export async function testPictures(count: number, width = 96, height = 64): Promise<Buffer[]> {
  const plain = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      sharp(noise(index + 1, width * height), { raw: { width, height, channels: 1 } })
        .jpeg({ quality: 90 })
        .toBuffer(),
    ),
  );
  const longest = Math.max(...plain.map((data) => data.length));
  const pictures = plain.map((data, index) => numbered(data, index + 1, longest - data.length));
  if (!pictures.every(isWholeJpeg)) throw new Error("The test pictures are not whole.");
  return pictures;
}

/** The number that {@link testPictures} put into a picture. */
export function numberIn(picture: Buffer): number {
  return picture.readUInt32BE(6);
}

/** Puts the number and this much filling into a comment after the start marker. */
function numbered(jpeg: Buffer, number: number, filling: number): Buffer {
  const comment = Buffer.alloc(8 + filling, 0x20);
  comment.writeUInt16BE(0xfffe, 0);
  comment.writeUInt16BE(comment.length - 2, 2);
  comment.writeUInt32BE(number, 4);
  return Buffer.concat([jpeg.subarray(0, 2), comment, jpeg.subarray(2)]);
}

function noise(seed: number, length: number): Buffer {
  let state = seed * 2_654_435_761;
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** The options of a loop in a separate process. */
export interface LoopProcessOptions extends LoopOptions {
  /** A folder with the pictures, which are written in the order of their names. */
  readonly pictures: string;
  /** Milliseconds of pause after each picture, 0 for none. */
  readonly pause?: number;
}

/** When each picture was finished, in milliseconds since the Unix epoch. The process reports it at its end. */
export type LoopProcessReport = readonly number[];

function main(options: LoopProcessOptions): void {
  const pictures = readdirSync(options.pictures)
    .sort()
    .map((name) => readFileSync(join(options.pictures, name)));
  const loop = new LoopWriter(options);
  loop.begin();
  const finished = pictures.map((picture) => {
    let at = 0;
    for (const step of loop.steps(picture)) {
      if (step === "chunk") at = performance.timeOrigin + performance.now();
    }
    if (options.pause) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, options.pause);
    return at;
  });
  loop.end();
  process.send?.(finished satisfies LoopProcessReport);
}

const [, , argument] = process.argv;
if (import.meta.main && argument !== undefined) main(JSON.parse(argument));
