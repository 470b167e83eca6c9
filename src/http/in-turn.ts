/**
 * Handles the pipelined requests of a connection one after another. Node starts each as soon as it is read, but sends
 * the answers in order: behind an endless answer, work would pile up for answers that are never sent.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Waiting requests of one connection. Browsers and proxies do not pipeline. */
const MAX_QUEUED_REQUESTS = 16;

/**
 * Queues the requests of each connection. Call it after the last "request" listener is added, and before
 * `limitRequests`, which starts its timeout when a request arrives.
 */
export function handleInTurn(server: Server): void {
  const listeners = server.listeners("request");
  const queues = new WeakMap<Socket, (() => void)[]>();
  const next = (socket: Socket) => {
    const handle = queues.get(socket)?.shift();
    if (!handle) queues.delete(socket);
    // No answer follows one that closes the connection (RFC 9112, section 9.6).
    else if (socket.writable) handle();
  };
  server.removeAllListeners("request");
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const handle = () => {
      response.once("close", () => next(socket));
      for (const listener of listeners) listener.call(server, request, response);
    };
    const queue = queues.get(socket);
    if (!queue) {
      queues.set(socket, []);
      handle();
    } else if (queue.push(handle) > MAX_QUEUED_REQUESTS) socket.destroy();
  });
}
