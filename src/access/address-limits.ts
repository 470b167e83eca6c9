/** Bounds on what one address may ask over HTTP, whoever it is: requests, and connections at once. */

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { addressKey, isLoopback } from "../network/ip.ts";
import { type Proxies, senderOf } from "./proxies.ts";
import { RateLimit } from "./rate-limit.ts";

/** A page loads a dozen files, and many people may share an address; a program may poll snapshots. */
const REQUESTS = { burst: 600, perSecond: 60 };

/** A browser opens six to a server, besides WebSockets; many people may share an address. */
const MAX_CONNECTIONS = 256;

/** Who looks after the server asks often, and is not kept out by what others of its address ask. */
const CHECKS = { burst: 100, perSecond: 10 };

const TOO_MANY = "There are too many requests from your address: wait a second, and ask less often.\n";

/** Handles a request before all others; `next` with an error refuses what cannot be answered, such as an upgrade. */
export type Gate = (
  request: IncomingMessage,
  response: Pick<ServerResponse, "writeHead" | "end">,
  next: (error?: Error) => void,
) => void;

/**
 * Lets on as many requests as an address may send, and answers the others with 429.
 * @param kind `checks` for those of whether the server is well, which are counted by themselves.
 */
export function requestGate(clock: Clock, proxies: Proxies, kind: "requests" | "checks" = "requests"): Gate {
  const limit = new RateLimit(clock, kind === "checks" ? CHECKS : REQUESTS);
  return (request, response, next) => {
    if (!limit.exceeds(addressKey(proxies.clientOf(senderOf(request))))) return next();
    if (request.headers.upgrade !== undefined) return next(new Error("too many requests"));
    response.writeHead(429, {
      "Content-Type": "text/plain; charset=utf-8",
      "Retry-After": String(limit.patience),
      Connection: "close",
    });
    response.end(TOO_MANY);
  };
}

/**
 * Closes connections beyond what an address may have at once. Those of this machine, of named proxies and of joined
 * servers are many people's.
 * @param isJoined whether a server that this one is joined with has the address.
 */
export function limitConnections(
  server: Server,
  proxies: Proxies,
  isJoined: (address: string) => boolean,
): void {
  const counts = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const { remoteAddress } = socket;
    if (isLoopback(remoteAddress) || proxies.has(remoteAddress) || isJoined(remoteAddress ?? "")) return;
    const key = addressKey(remoteAddress);
    const count = (counts.get(key) ?? 0) + 1;
    if (count > MAX_CONNECTIONS) {
      socket.destroy();
      return;
    }
    counts.set(key, count);
    socket.once("close", () => {
      const left = (counts.get(key) ?? 1) - 1;
      if (left > 0) counts.set(key, left);
      else counts.delete(key);
    });
  });
}
