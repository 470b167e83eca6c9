/** Turns the errors that routes throw into answers. */
import type { ErrorRequestHandler } from "express";
import { LinkError } from "../access/links.ts";
import { reasonOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { DirectoryError } from "../broadcast/directory.ts";
import { FullError } from "../broadcast/seats.ts";
import { TakenError } from "../source/ingest/ingest.ts";
import { sendText } from "./answers.ts";
import { NotMultipartError } from "./publish-route.ts";

/** The last handler of the app. Logs unexpected errors, and keeps their messages from the client. */
export function errorHandler(log: Log): ErrorRequestHandler {
  // Express recognizes an error handler by its four parameters.
  return (error: unknown, _request, response, _next) => {
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const status = statusOf(error);
    if (status === undefined) {
      log(`An HTTP request failed: ${reasonOf(error)}`, { level: "error" });
      return sendText(response, 500, "The server failed to answer. Its log has the reason.");
    }
    if (error instanceof FullError) {
      log(`A client was refused for lack of seats: ${error.message}`, { level: "debug" });
      response.set("Retry-After", "10");
    }
    sendText(response, status, isForClients(error) ? error.message : "The request is not valid.");
  };
}

/** The status for an error that the client caused or can act on; undefined for a fault of the server. */
function statusOf(error: unknown): number | undefined {
  if (error instanceof FullError) return 503;
  if (error instanceof LinkError) return 400;
  if (error instanceof DirectoryError) return error.status;
  if (error instanceof TakenError) return 409;
  if (error instanceof NotMultipartError) return 415;
  // Express and its body parsers set `status`.
  const status = error instanceof Error && "status" in error ? error.status : undefined;
  return typeof status === "number" && status >= 400 && status < 500 ? status : undefined;
}

/** Whether the message was written for clients. */
function isForClients(error: unknown): error is Error {
  const kinds = [FullError, LinkError, DirectoryError, TakenError, NotMultipartError];
  return kinds.some((kind) => error instanceof kind);
}
