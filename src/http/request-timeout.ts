/**
 * Closes the connections of those whose request does not come to its end. Node's own `requestTimeout` knows no
 * exception, and a publisher's body goes on for days.
 */
import type { IncomingMessage, Server } from "node:http";
import type { Cancel, Clock, Millis } from "../base/clock.ts";

const REQUEST_WITHIN: Millis = 30_000;

const limits = new WeakMap<IncomingMessage, Cancel>();

/** To be called once all that takes requests listens to the server. */
export function limitRequests(server: Server, clock: Clock): void {
  server.requestTimeout = 0;
  server.prependListener("request", (request: IncomingMessage) => {
    const { headers } = request;
    if (!("transfer-encoding" in headers) && Number(headers["content-length"] ?? 0) === 0) return;
    const lift = clock.after(REQUEST_WITHIN, () => request.socket.destroy());
    limits.set(request, lift);
    request.once("end", lift).once("close", lift);
  });
}

/** Lets the request take as long as it likes: somebody else watches over it. */
export function liftLimit(request: IncomingMessage): void {
  limits.get(request)?.();
}
