/** A publisher over HTTP: `POST` with a multipart body that stays open. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { giveBack } from "../base/memory.ts";
import type { IngestSource } from "../source/ingest/ingest.ts";
import { mediaType } from "../source/ingest/part.ts";
import { liftLimit } from "./request-timeout.ts";
import { patienceFor, retryAfter } from "./retry-after.ts";

/** How long a refused publisher may take to read why, in milliseconds. */
const READ_ANSWER_WITHIN = 1000;

/** The request is not one to publish with; the message says what is missing. */
export class NotMultipartError extends Error {}

/**
 * Feeds the request's body to the source, and answers when the publisher is done or dropped.
 * @throws {NotMultipartError} or {TakenError} before anything is taken.
 */
export function publishOverHttp(
  request: IncomingMessage,
  response: ServerResponse,
  source: IngestSource,
  {
    address = "the local socket",
    takeover,
    sameClock,
    own = false,
  }: {
    /** The publisher's; undefined over the Unix socket. */
    readonly address: string | undefined;
    readonly takeover: boolean;
    readonly sameClock: boolean;
    readonly own?: boolean;
  },
): void {
  const boundary = boundaryOf(request.headers["content-type"]);
  const label = sameClock ? "publisher on this machine" : "publisher in the network";
  const dropped = (status: number, message: string) => refuse(request, response, status, message);
  const feed = source.publish({ label, address, own, boundary, sameClock, dropped }, takeover);
  liftLimit(request);
  request.socket.setNoDelay(true);
  request.on("data", (chunk: Buffer) => {
    feed.push(chunk);
    const working = feed.working();
    if (!working) return giveBack(chunk);
    request.pause();
    void working.then(() => {
      giveBack(chunk);
      request.resume();
    });
  });
  const ended = () => {
    if (response.headersSent) return;
    if (feed.end()) response.writeHead(204, { Connection: "close" }).end();
    else refuse(request, response, 400, "The body ended within a part, or has none.");
  };
  request.on("end", () => {
    // A body that was all there before it was listened to ends while its parts are still taken, paused or not.
    const working = feed.working();
    if (working !== undefined) void working.then(ended);
    else ended();
  });
  request.on("error", () => feed.lost());
  request.on("close", () => feed.lost());
}

/** Answers a publisher that may be sending still, in a sentence, and closes the connection. */
export function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  message: string,
): void {
  const text = `${message}\n`;
  const patience = patienceFor(status);
  if (patience !== undefined && !response.hasHeader("Retry-After"))
    response.setHeader("Retry-After", retryAfter(patience));
  response.writeHead(status, {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": Buffer.byteLength(text),
    Connection: "close",
  });
  response.write(text);
  // What it still sends is read and thrown away: a connection closed at once is reset, and that loses it the answer.
  const close = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(close, READ_ANSWER_WITHIN).unref();
  if (request.readableEnded) close();
  else request.once("end", close).once("close", close).resume();
}

/** Types that say nothing: curl and ffmpeg send these, or none, and the body's first line tells the boundary. */
const SAYS_NOTHING = ["", "application/octet-stream", "application/x-www-form-urlencoded"];

/**
 * What divides the body's parts; undefined where the type of the request does not tell.
 * @throws {NotMultipartError}
 */
export function boundaryOf(contentType = ""): string | undefined {
  const { type, parameters } = mediaType(contentType);
  const boundary = parameters.get("boundary");
  if (type === "multipart/form-data") {
    const message = "Publish as multipart/x-mixed-replace; boundary=..., not as a form (curl: -T, not -F).";
    throw new NotMultipartError(message);
  }
  if (type.startsWith("multipart/")) return boundary === "" ? undefined : boundary;
  if (SAYS_NOTHING.includes(type)) return undefined;
  throw new NotMultipartError(`Publish as multipart/x-mixed-replace; boundary=..., not as ${type}.`);
}
