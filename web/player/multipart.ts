/** Reads `multipart/x-mixed-replace` as it comes in, in chunks cut anywhere. */

/** One part: its headers by lower-case name, and its bytes. */
export interface Part {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** The stream is not what it should be; it can not be read on from here. */
export class MultipartError extends Error {
  override readonly name = "MultipartError";
}

/** The longest part taken, and so about the most memory ever held. */
export const MAX_PART_BYTES = 32 * 1024 * 1024;
const MAX_LINE_BYTES = 4096;
const MAX_HEADERS = 64;
const LF = 0x0a;

const decoder = new TextDecoder("latin1");

/**
 * The parser. It hands a part over with its last byte, not with the boundary behind it: that one only
 * comes with the next picture. So every part must tell its `Content-Length`, and a length that lied is
 * noticed one part later.
 */
export class MultipartParser {
  readonly #delimiter: string;
  #expecting: "boundary" | "headers" | "body" | "nothing" = "boundary";
  readonly #line = new Uint8Array(MAX_LINE_BYTES);
  #lineLength = 0;
  #headers = new Map<string, string>();
  #body = new Uint8Array(0);
  #bodyLength = 0;

  constructor(boundary: string) {
    this.#delimiter = `--${boundary}`;
  }

  /** The parts that this chunk completes. Throws {@link MultipartError}. */
  push(chunk: Uint8Array): Part[] {
    const parts: Part[] = [];
    let at = 0;
    while (at < chunk.length && this.#expecting !== "nothing") {
      if (this.#expecting === "body") {
        const taken = chunk.subarray(at, at + this.#body.length - this.#bodyLength);
        this.#body.set(taken, this.#bodyLength);
        this.#bodyLength += taken.length;
        at += taken.length;
      } else {
        const end = chunk.indexOf(LF, at);
        this.#addToLine(chunk.subarray(at, end < 0 ? undefined : end));
        if (end < 0) break;
        at = end + 1;
        this.#takeLine();
      }
      if (this.#expecting === "body" && this.#bodyLength === this.#body.length) parts.push(this.#takeBody());
    }
    return parts;
  }

  #addToLine(bytes: Uint8Array): void {
    if (this.#lineLength + bytes.length > MAX_LINE_BYTES) {
      throw new MultipartError(`A line longer than ${MAX_LINE_BYTES} bytes where headers should be`);
    }
    this.#line.set(bytes, this.#lineLength);
    this.#lineLength += bytes.length;
  }

  #takeLine(): void {
    const line = decoder.decode(this.#line.subarray(0, this.#lineLength)).trimEnd();
    this.#lineLength = 0;
    if (this.#expecting === "headers") {
      if (line === "") this.#beginBody();
      else this.#addHeader(line);
    } else if (line === this.#delimiter) {
      this.#expecting = "headers";
      this.#headers = new Map();
    } else if (line === `${this.#delimiter}--`) {
      this.#expecting = "nothing";
    } else if (line !== "") {
      throw new MultipartError("Something else where the boundary should be");
    }
  }

  #addHeader(line: string): void {
    const colon = line.indexOf(":");
    if (colon < 1) throw new MultipartError("A header without a name");
    if (this.#headers.size === MAX_HEADERS) throw new MultipartError(`More than ${MAX_HEADERS} headers`);
    this.#headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }

  #beginBody(): void {
    const text = this.#headers.get("content-length") ?? "";
    const length = Number(text);
    if (!/^\d+$/.test(text)) throw new MultipartError("A part that does not tell its length");
    if (length > MAX_PART_BYTES) throw new MultipartError(`A part longer than ${MAX_PART_BYTES} bytes`);
    this.#body = new Uint8Array(length);
    this.#bodyLength = 0;
    this.#expecting = "body";
  }

  #takeBody(): Part {
    const part = { headers: this.#headers, body: this.#body };
    this.#body = new Uint8Array(0);
    this.#expecting = "boundary";
    return part;
  }
}
