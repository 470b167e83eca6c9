/** Access checks for routes. `Access` decides; this file asks it, and answers clients that it refuses. */
import type { NextFunction, Request, Response } from "express";
import type { Granted, Refused } from "../access/access.ts";
import { type Asker, askerOf } from "../access/asker.ts";
import type { Guard } from "../access/guard.ts";
import type { Right } from "../access/tokens.ts";
import type { Log } from "../base/log.ts";
import { STREAM_NAME } from "../base/stream-name.ts";
import { sendText } from "./answers.ts";

/** The response to a request that {@link Permissions.may} let through. */
export type Permitted = Response<unknown, { verdict: Granted }>;

/** The access checks of one HTTP app. */
export class Permissions {
  readonly #guard: Pick<Guard, "access" | "proxies">;
  readonly #local: boolean;
  readonly #log: Log;

  /** @param local whether the app serves the Unix socket. */
  constructor(guard: Pick<Guard, "access" | "proxies">, local: boolean, log: Log) {
    this.#guard = guard;
    this.#local = local;
    this.#log = log;
  }

  /** The sender of the request, as `Access` takes it. */
  asker(request: Request): Asker {
    return askerOf(request, this.#local);
  }

  /** Middleware that requires the right to the stream in the path; to the whole server if the path has none. */
  may<P extends { name?: string } = { name: string }>(right: Right) {
    return async (request: Request<P>, response: Permitted, next: NextFunction) => {
      const asker = askerOf(request, this.#local);
      const verdict = await this.#guard.access.mayDo(asker, right, request.params.name);
      // The "close" event of a client that left during the check is over: what it is given now would stay allocated.
      if (response.destroyed) return;
      if (!verdict.granted) return this.refuse(response, verdict);
      response.locals.verdict = verdict;
      // A publisher keeps its stream after its token expires. A viewer does not.
      if (right === "view") {
        const cancel = verdict.whenOver(() => response.destroy());
        response.once("close", cancel);
      }
      next();
    };
  }

  /** Answers a client that lacks a right (RFC 6750, section 3). */
  refuse(response: Response, { status, message }: Refused): void {
    const { req: request } = response;
    // Without the address: a viewer's is never logged.
    const stream = request.params?.name;
    this.#log(`${request.method} ${request.path} was refused (${status}): ${message}`, {
      level: "debug",
      ...(typeof stream === "string" && STREAM_NAME.test(stream) && { stream }),
    });
    if (status === 401) response.set("WWW-Authenticate", "Bearer");
    sendText(response, status, message);
  }
}
