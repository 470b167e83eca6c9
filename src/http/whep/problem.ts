/** Problem details: the body of refused WHEP requests (RFC 9457). */

import type { ErrorRequestHandler } from "express";
import type { Millis } from "../../base/clock.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { MAX_OFFER_LENGTH } from "../../shared/protocol.ts";
import { retryAfter, retryDelayOf } from "../retry-after.ts";

/** Refuses a WHEP request. */
export class Problem extends Error {
  readonly status: number;
  /** The delay before a retry; undefined if a retry does not help. */
  readonly retryAfter: Millis | undefined;

  /** @param detail what happened and what to do, for the user. */
  constructor(status: number, detail: string, retryAfter = retryDelayOf(status)) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Answers errors of the WHEP routes with problem details. Unexpected errors are logged. */
export function problemHandler(log: Log): ErrorRequestHandler {
  // Express recognizes an error handler by its four parameters.
  return (error: unknown, _request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const problem = problemOf(error);
    if (problem.status === 500) log(`A WHEP request failed: ${reasonOf(error)}`, { level: "error" });
    if (problem.retryAfter !== undefined) response.set("Retry-After", retryAfter(problem.retryAfter));
    response.status(problem.status).type("application/problem+json");
    // A problem without a type takes its title from the status (RFC 9457, section 4.2.1).
    response.send(Buffer.from(JSON.stringify({ status: problem.status, detail: problem.message })));
  };
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const status = error instanceof Error && "status" in error ? error.status : undefined;
  if (status === 413) return new Problem(413, `The body is longer than ${MAX_OFFER_LENGTH} bytes.`);
  if (typeof status === "number" && status >= 400 && status < 500)
    return new Problem(status, "The request is not valid.");
  return new Problem(500, "The server failed to answer. Its log has the reason.");
}
