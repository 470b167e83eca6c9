/** Limits on each client address: its request rate, and its simultaneous connections. */

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { addressKey, isLoopback } from "../network/ip.ts";
import { type Proxies, senderOf } from "./proxies.ts";
import { RateLimit } from "./rate-limit.ts";

/** A page loads a dozen files, many people may share an address, and programs may poll snapshots. */
const REQUEST_RATE = { burst: 600, perSecond: 60 };

/** A browser opens six connections and some WebSockets; many people may share an address. */
const MAX_CONNECTIONS = 256;

/** Health checks are frequent, and must not fail because of other requests from the same address. */
const CHECK_RATE = { burst: 100, perSecond: 10 };

const TOO_MANY = "Your address sends too many requests. Wait a second, then send fewer.\n";

/** Middleware that runs first. It passes an error to `next` to refuse a request that has no answer: an upgrade. */
export type Gate = (
  request: IncomingMessage,
  response: Pick<ServerResponse, "writeHead" | "end">,
  next: (error?: Error) => void,
) => void;

/**
 * Answers 429 to the requests of an address beyond its rate.
 * @param kind `checks` for health checks, which have a limit of their own.
 */
export function requestGate(clock: Clock, proxies: Proxies, kind: "requests" | "checks" = "requests"): Gate {
  const limit = new RateLimit(clock, kind === "checks" ? CHECK_RATE : REQUEST_RATE);
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
 * Closes an address's connections beyond {@link MAX_CONNECTIONS}. This machine, named proxies and joined servers are
 * exempt: they carry the requests of many people.
 * @param isJoined whether the address belongs to a joined server.
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
