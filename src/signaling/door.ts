/**
 * Which pages come to the socket: looked at on every request of engine.io, and not on the first of a session alone.
 * The first may be one that says no origin, such as a script's.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { ANSWER_HEADERS } from "../access/security-headers.ts";
import type { RefusalCode } from "../shared/protocol.ts";

type Handler = (request: IncomingMessage, response: ServerResponse, next: (error?: Error) => void) => void;

const REFUSED: RefusalCode = "origin";

const PREFLIGHT = {
  "Access-Control-Allow-Methods": "GET, POST",
  "Access-Control-Allow-Headers": "Authorization, Content-Type",
  "Access-Control-Max-Age": "600",
} as const;

/** Answers as the rest of the server does. */
export const withHeaders: Handler = (_request, response, next) => {
  for (const [name, value] of Object.entries(ANSWER_HEADERS)) response.setHeader(name, value);
  next();
};

/**
 * Lets on requests of pages that may show the streams, and of programs.
 * @param refuses why a request's page may not, in a sentence.
 */
export function pageDoor(refuses: (request: IncomingMessage) => string | undefined): Handler {
  return (request, response, next) => {
    const { origin, upgrade } = request.headers;
    const refuse = (status: number, message: string) => {
      // A browser shows a page nothing of what answers an upgrade: it asks again without.
      if (upgrade !== undefined) return next(new Error(message));
      response.writeHead(status, { "Content-Type": "application/json; charset=utf-8" });
      response.end(JSON.stringify({ code: REFUSED, message }));
    };
    response.setHeader("Vary", "Origin");
    // Each page may read why it is refused, and those that are not all else.
    if (origin !== undefined) response.setHeader("Access-Control-Allow-Origin", origin);
    // Pages of every site can run what it answers as a script, and write to it by a form.
    if (isJsonp(request))
      return refuse(403, "The socket does not speak JSONP: use WebSocket or XMLHttpRequest.");
    const why = refuses(request);
    if (why !== undefined) return refuse(403, why);
    if (request.method !== "OPTIONS") return next();
    response.writeHead(204, PREFLIGHT).end();
  };
}

/** As engine.io reads it. */
function isJsonp({ url = "/" }: IncomingMessage): boolean {
  return new URL(url, "http://server").searchParams.has("j");
}
