/** The requests for streams that another server has: they are passed on to it. */
import express, { type Request, type Response, Router } from "express";
import { wholeAddress } from "../access/asker.ts";
import type { Proxies } from "../access/proxies.ts";
import type { PassedOn } from "../cluster/passed-on.ts";
import type { RemoteStream } from "../cluster/remote-stream.ts";
import { MAX_OFFER_LENGTH } from "../shared/protocol.ts";
import { passOn, pathOf, takesBody } from "./pass-on.ts";

export interface PassOnRoutesOptions {
  /** The stream of that name at another server, where that is the one to show. */
  readonly remote: (name: string) => RemoteStream | undefined;
  readonly passedOn: PassedOn;
  readonly proxies: Proxies;
  /** Whether this server speaks TLS itself. */
  readonly secure: boolean;
  /** Why the name by which the client called this server is refused, in a sentence; undefined if it is not. */
  readonly misnamed: (request: Request) => string | undefined;
  /** Answers a client whose request is refused. */
  readonly refused: (response: Response, message: string) => void;
  /** Answers where that server does not. */
  readonly failed: (response: Response) => void;
}

/** What is asked about a stream and answered here, wherever the stream is. */
const HERE = ["rights", "share"];

/** Offers are the longest bodies. */
const wholeBody = express.raw({ type: () => true, limit: MAX_OFFER_LENGTH, inflate: false });

/** Passes on what is for another server, and leaves the rest to the routes behind it. */
export function passOnRoutes(options: PassOnRoutesOptions): Router {
  const { remote, passedOn, proxies, secure, failed } = options;
  const router = Router();
  router.all("/streams/:name{/*rest}", (request, response, next) => {
    const { name, rest = [] } = request.params;
    const { headers, socket, method } = request;
    const [part = ""] = rest;
    // A publisher stays with the server it comes to.
    if (HERE.includes(part) || passedOn.has(request) || (part === "" && method === "POST")) return next();
    const stream = remote(name);
    const path = stream && pathOf(method, name, rest, wholeAddress(request));
    if (!path) return next();
    const message = options.misnamed(request);
    if (message !== undefined) return options.refused(response, message);
    const sent = { headers, address: socket.remoteAddress };
    const vouched = {
      client: proxies.clientOf(sent),
      proto: proxies.originOf(sent, secure).startsWith("https:") ? "https" : "http",
    } as const;
    const pass = () => {
      const body = Buffer.isBuffer(request.body) ? request.body : undefined;
      const options = { ...vouched, to: stream.peer, path, body, failed: () => failed(response) };
      passOn(request, response, options).catch(next);
    };
    if (takesBody(method)) wholeBody(request, response, (error) => (error ? next(error) : pass()));
    else pass();
  });
  return router;
}
