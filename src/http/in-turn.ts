/**
 * Handles the requests of a connection one after another. Node begins with each as it is read, and cannot send the answer
 * of one before those ahead of it have ended: behind an answer that goes on, work would pile up for nobody.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Requests that wait on a connection. Browsers and proxies send none before they have the answer to the last. */
const MAX_WAITING = 16;

/** To be called once all that takes requests listens to the server, and before what times them. */
export function handleInTurn(server: Server): void {
  const listeners = server.listeners("request");
  const lines = new WeakMap<Socket, (() => void)[]>();
  const next = (socket: Socket) => {
    const handle = lines.get(socket)?.shift();
    if (!handle) lines.delete(socket);
    // After an answer that closes the connection no other is sent (RFC 9112, section 9.6).
    else if (socket.writable) handle();
  };
  server.removeAllListeners("request");
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const handle = () => {
      response.once("close", () => next(socket));
      for (const listener of listeners) listener.call(server, request, response);
    };
    const line = lines.get(socket);
    if (!line) {
      lines.set(socket, []);
      handle();
    } else if (line.push(handle) > MAX_WAITING) socket.destroy();
  });
}
