/** Sends the files of the pages, in the compressed form that `scripts/compress-pages.ts` made, if the browser takes it. */
import { readdirSync } from "node:fs";
import { extname } from "node:path";
import express, { type NextFunction, type Request, type RequestHandler, type Response } from "express";
import type { Millis } from "../base/clock.ts";

/** Encodings in order of preference, with the suffixes of the files. */
const SUFFIXES = { br: ".br", gzip: ".gz" } as const;
const ENCODINGS = Object.keys(SUFFIXES) as (keyof typeof SUFFIXES)[];

/** The names of files in this folder contain a hash of their content: a changed file has another name. */
const HASHED = "assets/";
const YEAR: Millis = 365 * 24 * 3_600_000;

/** The built pages. */
export class PageFiles {
  readonly #root: string;
  readonly #names: ReadonlySet<string>;
  readonly #uncompressed: RequestHandler;

  /** @param root the folder of the built pages. */
  constructor(root: string) {
    this.#root = root;
    this.#names = new Set(readdirSync(root, { recursive: true, encoding: "utf8" }));
    this.#uncompressed = express.static(root, { index: false, redirect: false });
  }

  /** Sends a file by its name in the folder. @param next gets what fails; Express answers by default. */
  send(request: Request, response: Response, name: string, next?: NextFunction): void {
    const caching = name.startsWith(HASHED) ? { immutable: true, maxAge: YEAR } : {};
    const made = ENCODINGS.filter((one) => this.#names.has(name + SUFFIXES[one]));
    if (made.length > 0) response.vary("Accept-Encoding");
    const encoding = made.find((one) => request.acceptsEncodings(one));
    const suffix = encoding ? SUFFIXES[encoding] : "";
    if (encoding) response.type(extname(name)).set("Content-Encoding", encoding);
    response.sendFile(name + suffix, { ...caching, root: this.#root }, (error?: Error) => {
      if (!error || response.headersSent || !next) return;
      response.removeHeader("Content-Encoding");
      next();
    });
  }

  /** Sends the file that the path names, or passes the request on. */
  readonly handler: RequestHandler = (request, response, next) => {
    const name = request.path.slice(1);
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (isRead && this.#names.has(name) && extname(name) !== "") this.send(request, response, name, next);
    // Files that were built after the start.
    else this.#uncompressed(request, response, next);
  };
}
