/**
 * Checks which pages may use the socket, on every request of engine.io and not only on the first of a session: that one
 * may come from a script, which sends no origin.
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

/** Adds the headers that all answers of the server have. */
export const withHeaders: Handler = (_request, response, next) => {
  for (const [name, value] of Object.entries(ANSWER_HEADERS)) response.setHeader(name, value);
  next();
};

/**
 * Passes requests of programs, and of pages that may show the streams.
 * @param refuses why a request's page may not, a sentence; undefined if it may.
 */
export function pageDoor(refuses: (request: IncomingMessage) => string | undefined): Handler {
  return (request, response, next) => {
    const { origin, upgrade } = request.headers;
    const refuse = (status: number, message: string) => {
      // A browser hides the answer to a refused upgrade from the page, which then tries without one.
      if (upgrade !== undefined) return next(new Error(message));
      response.writeHead(status, { "Content-Type": "application/json; charset=utf-8" });
      response.end(JSON.stringify({ code: REFUSED, message }));
    };
    response.setHeader("Vary", "Origin");
    // Every page may read why it was refused.
    if (origin !== undefined) response.setHeader("Access-Control-Allow-Origin", origin);
    // Any site could run a JSONP answer as a script, and send to it with a form.
    if (isJsonp(request))
      return refuse(403, "The socket does not speak JSONP: use WebSocket or XMLHttpRequest.");
    const why = refuses(request);
    if (why !== undefined) return refuse(403, why);
    if (request.method !== "OPTIONS") return next();
    response.writeHead(204, PREFLIGHT).end();
  };
}

/** Reads the query as engine.io does. */
function isJsonp({ url = "/" }: IncomingMessage): boolean {
  return new URL(url, "http://server").searchParams.has("j");
}
