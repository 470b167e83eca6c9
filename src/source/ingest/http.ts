/** A publisher over HTTP: `POST` with a multipart body that stays open. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { IngestSource } from "../ingest.ts";
import { mediaType } from "./part.ts";

/** How long a dropped publisher may take to read why, in milliseconds. */
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
  { takeover, sameClock }: { readonly takeover: boolean; readonly sameClock: boolean },
): void {
  const boundary = boundaryOf(request.headers["content-type"]);
  const label = `publisher at ${request.socket.remoteAddress?.replace(/^::ffff:/, "") ?? "the local socket"}`;
  const answer = (status: number, message: string) => {
    response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8", Connection: "close" });
    response.end(message === "" ? "" : `${message}\n`);
  };
  const dropped = (status: number, message: string) => {
    answer(status, message);
    // What it still sends is read and thrown away: a reset connection would lose it the answer.
    request.resume();
    setTimeout(() => request.destroy(), READ_ANSWER_WITHIN).unref();
  };
  const feed = source.publish({ label, boundary, sameClock, dropped }, takeover);
  request.socket.setNoDelay(true);
  request.on("data", (chunk: Buffer) => feed.push(chunk));
  request.on("end", () => {
    if (response.headersSent) return;
    if (feed.end()) answer(204, "");
    else answer(400, "The body ended within a part.");
  });
  request.on("error", () => feed.lost());
  request.on("close", () => feed.lost());
}

/** Types that say nothing: curl and ffmpeg send these, or none, and the body's first line tells the boundary. */
const SAYS_NOTHING = ["", "application/octet-stream", "application/x-www-form-urlencoded"];

/** @throws {NotMultipartError} */
function boundaryOf(contentType = ""): string | undefined {
  const { type, parameters } = mediaType(contentType);
  const boundary = parameters.get("boundary");
  if (type.startsWith("multipart/")) return boundary === "" ? undefined : boundary;
  if (SAYS_NOTHING.includes(type)) return undefined;
  throw new NotMultipartError(`Publish as multipart/x-mixed-replace; boundary=..., not as ${type}.`);
}
