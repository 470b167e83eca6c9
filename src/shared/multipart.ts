/**
 * An incremental parser for `multipart/x-mixed-replace` (RFC 2046, section 5.1). It takes chunks cut at any byte. The
 * server reads publishers with it, and the page reads timed MJPEG.
 */

/** One complete part: its headers by lower-case name, and its body. */
export interface Part {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** The stream is malformed or exceeds a limit. The parser cannot continue. */
export class MultipartError extends Error {
  override readonly name = "MultipartError";
  /** `too-large`: a part exceeds the limit. `malformed`: every other error. */
  readonly code: "malformed" | "too-large";

  constructor(message: string, code: MultipartError["code"] = "malformed") {
    super(message);
    this.code = code;
  }
}

/** Limits and memory of a parser. */
export interface MultipartOptions {
  /** The largest body of a part in bytes, which also bounds the memory in use. Default: 32 MiB. */
  readonly maxPartBytes?: number;
  /** Allocates memory for a body, which the parser fills completely. Default: zeroed memory. */
  readonly allocate?: (bytes: number) => Uint8Array<ArrayBuffer>;
}

const MAX_PART_BYTES = 32 * 1024 * 1024;
/** Enough for the telemetry of a frame, 16 KiB, in a header. */
const MAX_LINE_BYTES = 20 * 1024;
/** The most header lines of a part, and the most empty lines before its boundary. */
const MAX_HEADERS = 64;
/** Bytes to compare one by one after a CR, before searching for the next one with `indexOf`. */
const SCAN_LENGTH = 64;
const CR = 0x0d;
const LF = 0x0a;

const decoder = new TextDecoder();

/**
 * The parser. A part with `Content-Length` is complete at its last byte; a wrong length shows at the boundary, which must
 * follow. A part without it is complete at the next boundary.
 */
export class MultipartParser {
  #delimiter = "";
  /** The bytes that end a body without a length. */
  #ending = new Uint8Array(0);
  readonly #maxPartBytes: number;
  readonly #allocate: (bytes: number) => Uint8Array<ArrayBuffer>;
  #expecting: "boundary" | "headers" | "body" | "unmeasured body" | "nothing" = "boundary";
  readonly #line = new Uint8Array(MAX_LINE_BYTES);
  #lineLength = 0;
  #headers = new Map<string, string>();
  /** Header lines in the current part, or empty lines in front of its boundary. */
  #lines = 0;
  #body = new Uint8Array(0);
  #bodyLength = 0;
  #whole: Part | undefined;

  /** @param boundary if undefined, the first line is the boundary: ffmpeg does not announce its own. */
  constructor(
    boundary: string | undefined,
    { maxPartBytes = MAX_PART_BYTES, allocate = (bytes) => new Uint8Array(bytes) }: MultipartOptions = {},
  ) {
    if (boundary !== undefined) this.#setBoundary(boundary);
    this.#maxPartBytes = maxPartBytes;
    this.#allocate = allocate;
  }

  /** Whether the closing boundary has arrived. The parser ignores everything after it. */
  get ended(): boolean {
    return this.#expecting === "nothing";
  }

  /** Whether the stream may end here: no part is incomplete. */
  get complete(): boolean {
    if (this.#expecting === "headers") return this.#headers.size === 0 && this.#lineLength === 0;
    return this.#expecting === "boundary" || this.ended;
  }

  /**
   * Parses a chunk and yields each part as it completes, so that an error later in the chunk does not lose it. Iterate to
   * the end: the generator parses only as far as it is read.
   * @throws {MultipartError} if the stream is malformed or a part is too large.
   */
  *read(chunk: Uint8Array): Generator<Part, void> {
    let rest = chunk;
    while (rest.length > 0 && !this.ended) {
      if (this.#expecting === "body") rest = this.#fillBody(rest);
      else if (this.#expecting === "unmeasured body") rest = this.#growBody(rest);
      else rest = this.#readLine(rest);
      if (this.#expecting === "body" && this.#bodyLength === this.#body.length) this.#endBody();
      const part = this.#whole;
      this.#whole = undefined;
      if (part) yield part;
    }
  }

  #setBoundary(boundary: string): void {
    this.#delimiter = `--${boundary}`;
    this.#ending = new TextEncoder().encode(`\r\n--${boundary}`);
  }

  #fillBody(bytes: Uint8Array): Uint8Array {
    const taken = bytes.subarray(0, this.#body.length - this.#bodyLength);
    this.#body.set(taken, this.#bodyLength);
    this.#bodyLength += taken.length;
    return bytes.subarray(taken.length);
  }

  /** Appends the bytes to the body. If the body ends among them, returns the rest, from the boundary on. */
  #growBody(bytes: Uint8Array): Uint8Array {
    const seen = this.#bodyLength;
    // A body that lies within one chunk is copied only once.
    let body = bytes;
    if (seen > 0) {
      this.#append(bytes);
      body = this.#body.subarray(0, this.#bodyLength);
    }
    const end = this.#findEnding(body, Math.max(0, seen - this.#ending.length + 1));
    if (end !== undefined) {
      // A copy: `slice` of Node's Buffer is a view of the chunk, whose memory its owner may give back.
      this.#body = new Uint8Array(body.subarray(0, end));
      this.#endBody();
      return body.subarray(end + 2);
    }
    if (seen === 0) this.#append(bytes);
    if (this.#bodyLength > this.#maxPartBytes + this.#ending.length) this.#refuseLength();
    return bytes.subarray(bytes.length);
  }

  #append(bytes: Uint8Array): void {
    const length = this.#bodyLength + bytes.length;
    this.#reserve(length);
    this.#body.set(bytes, this.#bodyLength);
    this.#bodyLength = length;
  }

  #reserve(length: number): void {
    if (length <= this.#body.length) return;
    const larger = new Uint8Array(Math.max(length, 2 * this.#body.length, 65_536));
    larger.set(this.#body.subarray(0, this.#bodyLength));
    this.#body = larger;
  }

  #findEnding(body: Uint8Array, from: number): number | undefined {
    const stop = body.length - this.#ending.length + 1;
    for (let at = body.indexOf(CR, from); at >= 0 && at < stop; at = body.indexOf(CR, at)) {
      // In a body full of CRs, one `indexOf` call per CR would be slower than comparing every byte.
      for (const near = Math.min(at + SCAN_LENGTH, stop); at < near; at++) {
        if (body[at] === CR && this.#endsAt(body, at)) return at;
      }
    }
    return undefined;
  }

  #endsAt(body: Uint8Array, at: number): boolean {
    const ending = this.#ending;
    for (let i = 1; i < ending.length; i++) if (body[at + i] !== ending[i]) return false;
    return true;
  }

  #readLine(bytes: Uint8Array): Uint8Array {
    const end = bytes.indexOf(LF);
    const line = bytes.subarray(0, end < 0 ? undefined : end);
    if (this.#lineLength + line.length > MAX_LINE_BYTES) {
      if (this.#expecting === "boundary") this.#refuseLine();
      throw new MultipartError(`A header line is longer than ${MAX_LINE_BYTES} bytes`);
    }
    this.#line.set(line, this.#lineLength);
    this.#lineLength += line.length;
    if (end < 0) return bytes.subarray(bytes.length);
    this.#takeLine();
    return bytes.subarray(end + 1);
  }

  #takeLine(): void {
    const line = decoder.decode(this.#line.subarray(0, this.#lineLength)).trimEnd();
    this.#lineLength = 0;
    // RFC 2046, section 5.1.1: a boundary has 1 to 70 characters.
    if (this.#delimiter === "" && /^--.{1,70}$/.test(line)) this.#setBoundary(line.slice(2));
    if (this.#expecting === "headers") {
      if (line === "") this.#beginBody();
      else this.#addHeader(line);
    } else if (line === this.#delimiter) {
      this.#expecting = "headers";
      this.#headers = new Map();
      this.#lines = 0;
    } else if (line === `${this.#delimiter}--`) {
      this.#expecting = "nothing";
    } else if (line !== "" || ++this.#lines > MAX_HEADERS) {
      this.#refuseLine();
    }
  }

  /** Throws: this line should be a boundary. */
  #refuseLine(): never {
    throw new MultipartError(
      this.#delimiter === ""
        ? "The body should begin with a boundary, a line such as --frame, and have one before each picture"
        : `The boundary ${this.#delimiter.slice(0, 72)} should follow here on a line of its own, and something else came`,
    );
  }

  #addHeader(line: string): void {
    const colon = line.indexOf(":");
    if (colon < 1) throw new MultipartError("A header has no name");
    if (++this.#lines > MAX_HEADERS) throw new MultipartError(`A part has more than ${MAX_HEADERS} headers`);
    this.#headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }

  #beginBody(): void {
    this.#bodyLength = 0;
    const text = this.#headers.get("content-length");
    if (text === undefined) {
      this.#body = new Uint8Array(0);
      this.#expecting = "unmeasured body";
      return;
    }
    if (!/^\d+$/.test(text)) throw new MultipartError("A Content-Length is not a number");
    const length = Number(text);
    if (length > this.#maxPartBytes) this.#refuseLength();
    this.#body = this.#allocate(length);
    this.#expecting = "body";
  }

  #endBody(): void {
    this.#whole = { headers: this.#headers, body: this.#body };
    this.#body = new Uint8Array(0);
    this.#lines = 0;
    this.#expecting = "boundary";
  }

  #refuseLength(): never {
    throw new MultipartError(`A part is longer than the limit of ${this.#maxPartBytes} bytes`, "too-large");
  }
}
