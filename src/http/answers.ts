/** Plain-text answers: one sentence that says what happened and what to do. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Response } from "express";
import type { Millis } from "../base/clock.ts";
import { retryAfter, retryDelayOf } from "./retry-after.ts";

/** How long a refused client may take to read the answer while it still sends. */
const REFUSAL_READ_TIMEOUT: Millis = 1000;

/** Answers with one sentence. A request with a body is answered by {@link refuseUpload}. */
export function sendText(response: Response, status: number, text: string): void {
  const { headers } = response.req;
  const hasBody = "transfer-encoding" in headers || Number(headers["content-length"] ?? 0) > 0;
  if (hasBody) refuseUpload(response.req, response, status, text);
  else {
    setRetryAfter(response, status);
    response.status(status).type("text/plain").send(`${text}\n`);
  }
}

/** Answers a client that may still be sending its body, then closes the connection. */
export function refuseUpload(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  message: string,
): void {
  const text = `${message}\n`;
  setRetryAfter(response, status);
  response.writeHead(status, {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": Buffer.byteLength(text),
    Connection: "close",
  });
  response.write(text);
  // Reads and drops the rest of the body: closing at once resets the connection, and the client loses the answer.
  const close = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(close, REFUSAL_READ_TIMEOUT).unref();
  if (request.readableEnded) close();
  else request.once("end", close).once("close", close).resume();
}

function setRetryAfter(response: ServerResponse, status: number): void {
  const delay = retryDelayOf(status);
  if (delay !== undefined && !response.hasHeader("Retry-After"))
    response.setHeader("Retry-After", retryAfter(delay));
}
