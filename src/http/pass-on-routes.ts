/** Passes on requests for streams of other servers. */
import express, { type Request, type Response, Router } from "express";
import { wholeAddress } from "../access/asker.ts";
import { type Proxies, senderOf } from "../access/proxies.ts";
import type { PassedOn } from "../cluster/passed-on.ts";
import type { RemoteStream } from "../cluster/remote-stream.ts";
import { MAX_OFFER_LENGTH } from "../shared/protocol.ts";
import { passOn, pathOf, takesBody } from "./pass-on.ts";

/** What {@link passOnRoutes} needs. */
export interface PassOnRoutesOptions {
  /** The stream with this name, if the one to show is at another server. */
  readonly remote: (name: string) => RemoteStream | undefined;
  readonly passedOn: PassedOn;
  readonly proxies: Proxies;
  /** Whether this server itself speaks TLS. */
  readonly secure: boolean;
  /** Why the request's `Host` is refused, in a sentence; undefined if it is not. */
  readonly misnamed: (request: Request) => string | undefined;
  /** Answers a request that is refused. */
  readonly refused: (response: Response, message: string) => void;
  /** Answers if the other server does not. */
  readonly failed: (response: Response) => void;
}

/** Resources of a stream that each server answers itself, wherever the stream is. */
const OWN_RESOURCES = ["rights", "share"];

/** The body in one buffer. Offers are the longest bodies. */
const wholeBody = express.raw({ type: () => true, limit: MAX_OFFER_LENGTH, inflate: false });

/** Passes on requests for other servers, and leaves the rest to later routes. */
export function passOnRoutes(options: PassOnRoutesOptions): Router {
  const { remote, passedOn, proxies, secure, failed } = options;
  const router = Router();
  router.all("/streams/:name{/*rest}", (request, response, next) => {
    const { name, rest = [] } = request.params;
    const { method } = request;
    const [part = ""] = rest;
    // Publishers use the server that they connect to.
    if (OWN_RESOURCES.includes(part) || passedOn.has(request) || (part === "" && method === "POST"))
      return next();
    const stream = remote(name);
    const path = stream && pathOf(method, name, rest, wholeAddress(request));
    if (!path) return next();
    const message = options.misnamed(request);
    if (message !== undefined) return options.refused(response, message);
    const sender = senderOf(request);
    const vouched = {
      client: proxies.clientOf(sender),
      proto: proxies.originOf(sender, secure).startsWith("https:") ? "https" : "http",
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
