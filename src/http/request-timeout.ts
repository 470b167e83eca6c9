/**
 * A timeout for receiving a request's body. Node's own `requestTimeout` has no exceptions, and a publisher's body lasts
 * for days.
 */
import type { IncomingMessage, Server } from "node:http";
import type { Cancel, Clock, Millis } from "../base/clock.ts";

const BODY_TIMEOUT: Millis = 30_000;

const limits = new WeakMap<IncomingMessage, Cancel>();

/** Closes connections whose request takes too long. Call it after the last "request" listener is added. */
export function limitRequests(server: Server, clock: Clock): void {
  server.requestTimeout = 0;
  server.prependListener("request", (request: IncomingMessage) => {
    const { headers } = request;
    if (!("transfer-encoding" in headers) && Number(headers["content-length"] ?? 0) === 0) return;
    const lift = clock.after(BODY_TIMEOUT, () => request.socket.destroy());
    limits.set(request, lift);
    request.once("end", lift).once("close", lift);
  });
}

/** Removes the timeout of a request. The caller must detect that the client is gone. */
export function liftLimit(request: IncomingMessage): void {
  limits.get(request)?.();
}
