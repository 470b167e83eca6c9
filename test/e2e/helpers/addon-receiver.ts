/** What a publisher pushes, for tests that look at every byte: a server that takes frames and shows nothing. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import sharp from "sharp";
import { MultipartParser, type Part } from "../../../src/shared/multipart.ts";

export class Receiver {
  readonly #server: Server;
  readonly #watching: (() => void)[] = [];
  #tell: ((viewers: number) => void)[] = [];
  #viewers: number | undefined;
  readonly parts: Part[] = [];
  /** How many publishers have come. */
  publishers = 0;
  /** What they gave as their token. */
  readonly tokens = new Set<string | undefined>();
  /** Whether the last one has sent the closing boundary. */
  ended = false;
  /** What publishers are told instead of being read. */
  refusal: { readonly status: number; readonly sentence: string } | undefined;

  private constructor() {
    this.#server = createServer((request, response) => {
      if (request.method === "GET") {
        if (this.#viewers === undefined) {
          response.writeHead(404).end();
          return;
        }
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        const tell = (viewers: number) =>
          response.write(`event: stream\ndata: ${JSON.stringify({ viewers })}\n\n`);
        this.#tell.push(tell);
        tell(this.#viewers);
        return;
      }
      if (this.refusal) {
        const { status, sentence } = this.refusal;
        response.writeHead(status, { "Content-Type": "text/plain", Connection: "close" }).end(sentence);
        request.resume();
        return;
      }
      const boundary = /boundary=(\S+)/.exec(request.headers["content-type"] ?? "")?.[1];
      const parser = new MultipartParser(boundary);
      this.publishers++;
      this.tokens.add(request.headers.authorization?.replace(/^Bearer /, ""));
      this.ended = false;
      request.on("data", (chunk: Buffer) => {
        this.parts.push(...parser.read(chunk));
        this.ended = parser.ended;
        for (const look of this.#watching) look();
      });
      request.on("end", () => response.writeHead(204).end());
      request.on("error", () => {});
    });
  }

  /** @param viewers how many the publisher is told of; undefined does not tell. */
  static async start(viewers?: number): Promise<Receiver> {
    const receiver = new Receiver();
    receiver.#viewers = viewers;
    await new Promise<void>((resolve) => receiver.#server.listen(0, "127.0.0.1", resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The parts with a picture. */
  get frames(): Part[] {
    return this.parts.filter(({ headers }) => headers.get("content-type") !== "application/x-idle");
  }

  /** What the frames carried. */
  get telemetry(): unknown[] {
    return this.frames.flatMap(({ headers }) => {
      const text = headers.get("x-telemetry");
      return text === undefined ? [] : [JSON.parse(text)];
    });
  }

  tellViewers(viewers: number): void {
    this.#viewers = viewers;
    for (const tell of this.#tell) tell(viewers);
  }

  /** Resolves once something is so of what has come. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!condition()) return;
        this.#watching.splice(this.#watching.indexOf(look), 1);
        resolve();
      };
      this.#watching.push(look);
      look();
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Red, green and blue of each pixel from the top left. */
  readonly rgb: Buffer;
}

/** The picture in a part of raw pixels. */
export function pixelsOf({ headers, body }: Part): Pixels {
  const kind = headers.get("content-type") ?? "";
  const found = /^application\/x-raw-pixels; format=(rgba|bgra); width=(\d+); height=(\d+); rows=(\S+)$/.exec(
    kind,
  );
  if (!found) throw new Error(`${kind} is not what Blender sends`);
  const [, format, width, height, rows] = [found[0], found[1], Number(found[2]), Number(found[3]), found[4]];
  const rgb = Buffer.alloc(width * height * 3);
  const order = format === "rgba" ? [0, 1, 2] : [2, 1, 0];
  for (let y = 0; y < height; y++) {
    const row = rows === "top-down" ? y : height - 1 - y;
    for (let x = 0; x < width; x++) {
      order.forEach((from, to) => {
        rgb[(y * width + x) * 3 + to] = body[(row * width + x) * 4 + from] ?? 0;
      });
    }
  }
  return { width, height, rgb };
}

/** The picture in a file. */
export async function readPicture(file: string): Promise<Pixels> {
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, rgb: data };
}

/** How far two pictures of one size are from each other. */
export interface Difference {
  /** Levels of a channel, on average. */
  readonly mean: number;
  /** The most by which a channel differs. */
  readonly most: number;
  /** The share of channels that differ by more than 24 levels. */
  readonly far: number;
}

/** Compares two pictures of one size. */
export function difference(one: Pixels, other: Pixels): Difference {
  if (one.width !== other.width || one.height !== other.height)
    throw new Error(`${one.width}x${one.height} is not the size ${other.width}x${other.height}`);
  let sum = 0;
  let most = 0;
  let far = 0;
  for (let i = 0; i < one.rgb.length; i++) {
    const apart = Math.abs((one.rgb[i] ?? 0) - (other.rgb[i] ?? 0));
    sum += apart;
    most = Math.max(most, apart);
    if (apart > 24) far++;
  }
  return { mean: sum / one.rgb.length, most, far: far / one.rgb.length };
}
