/** Passes a request for a stream on to the server that has it, and its answer back: all but the signaling. */
import { request as ask, type IncomingMessage, type ServerResponse } from "node:http";
import type { Millis } from "../timing.ts";

/** So that two servers that think it is the other who has it do not pass it on for ever. */
const PASSED_ON = "rendercast-passed-on";

/** The other server is in the same network. */
const CONNECTS_WITHIN: Millis = 5000;

/** Of the connection, not of the message (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];

export function wasPassedOn({ headers }: IncomingMessage): boolean {
  return PASSED_ON in headers;
}

/**
 * @param server its origin, such as `http://10.0.0.7:8080`.
 * @param path with the query, and the token if one stood there.
 * @param proto by which the client came.
 * @param failed answers where that server does not.
 */
export function passOn(
  request: IncomingMessage,
  response: ServerResponse,
  { server, path, proto, failed }: { server: string; path: string; proto: string; failed: () => void },
): void {
  const { headers, socket, method } = request;
  const client = [headers["x-forwarded-for"], socket.remoteAddress].flat().filter(Boolean).join(", ");
  const to = new URL(server);
  // A request may name another server in its first line: it goes to this one, and nowhere else.
  const { pathname, search } = new URL(path, server);
  const asked = ask({
    hostname: to.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: to.port,
    path: `${pathname}${search}`,
    method,
    headers: {
      ...without(headers, HOP_BY_HOP),
      "x-forwarded-for": client,
      "x-forwarded-proto": proto,
      [PASSED_ON]: "1",
    },
  });
  asked.setTimeout(CONNECTS_WITHIN, () => {
    if (!response.headersSent) asked.destroy(new Error("It does not answer."));
  });
  asked.on("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, without(answer.headers, HOP_BY_HOP));
    response.flushHeaders();
    answer.on("error", () => response.destroy());
    answer.pipe(response);
  });
  asked.on("error", () => {
    if (response.headersSent) response.destroy();
    else failed();
  });
  response.on("close", () => asked.destroy());
  request.on("error", () => asked.destroy());
  request.pipe(asked);
}

function without<T extends object>(headers: T, names: readonly string[]): T {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name))) as T;
}
