/**
 * Passes an HTTP request on to the server that has the stream, and returns its answer. The new request contains only
 * validated parts of the old one, and has a connection of its own (decision 0021).
 */
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestOnward,
  type ServerResponse,
} from "node:http";
import type { Vouched } from "../access/proxies.ts";
import type { Millis } from "../base/clock.ts";
import { PASSED_ON, type Receiver, vouch } from "../cluster/passed-on.ts";

/** The other server is in the same network, but may wait a second for a picture. */
const ONWARD_ANSWER_TIMEOUT: Millis = 5000;

/** Endless answers send something every few seconds. */
const MAX_SILENCE: Millis = 60_000;

/** The methods of a stream's resources. */
const METHODS = ["GET", "HEAD", "POST", "PATCH", "DELETE"];

/** The methods whose body has a meaning. */
const METHODS_WITH_BODY = ["POST", "PATCH"];

/** A path segment, decoded: no `..`, slashes or percent signs. */
const PATH_SEGMENT = /^[\w-][\w.-]{0,127}$/;

/** Request headers that are passed on. Those of the connection are not (RFC 9110, section 7.6.1). */
const REQUEST_HEADERS = [
  ..."accept authorization content-type host if-match if-none-match last-event-id origin referer".split(" "),
  ..."sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user user-agent".split(" "),
];

/** Response headers that are passed back. No cookies: other servers must not set them for this one. */
const RESPONSE_HEADERS = [
  ..."accept-patch accept-post allow cache-control content-length content-type etag link location".split(" "),
  ..."referrer-policy retry-after vary www-authenticate".split(" "),
  ..."access-control-allow-headers access-control-allow-methods access-control-allow-origin".split(" "),
  ..."access-control-expose-headers access-control-max-age cross-origin-resource-policy".split(" "),
  ..."x-accel-buffering x-content-type-options x-frame-number".split(" "),
];

/** The status of a server that does not accept a passed-on request (RFC 9110, section 15.5.20). */
export const MISDIRECTED = 421;

/**
 * The path and query of a passed-on request; undefined if the request is not passed on.
 * @param segments the path after the stream's name, decoded.
 * @param address the request's URL, for its query.
 */
export function pathOf(
  method: string,
  stream: string,
  segments: readonly string[],
  address: string,
): string | undefined {
  const all = [stream, ...segments];
  if (!METHODS.includes(method) || !all.every((one) => PATH_SEGMENT.test(one))) return undefined;
  const question = address.indexOf("?");
  const query = question < 0 ? "" : new URLSearchParams(address.slice(question)).toString();
  return `/streams/${all.join("/")}${query === "" ? "" : `?${query}`}`;
}

/** Whether a body is passed on with the method. */
export function takesBody(method: string): boolean {
  return METHODS_WITH_BODY.includes(method);
}

/** Where a request is passed on, and with what content. */
export interface PassOnOptions extends Vouched {
  readonly to: Receiver & { /** Its origin, such as `http://10.0.0.7:8080`. */ readonly url: string };
  /** The path and query, see {@link pathOf}. */
  readonly path: string;
  readonly body: Buffer | undefined;
  /** Answers if the other server does not. */
  readonly failed: () => void;
}

/** Passes a request on. Rejects only before the response starts. */
export async function passOn(
  { headers, method = "GET" }: IncomingMessage,
  response: ServerResponse,
  { to, path, body, client, proto, failed }: PassOnOptions,
): Promise<void> {
  const { hostname, port } = new URL(to.url);
  const signed = await vouch(to, { method, path, client, proto });
  if (response.destroyed) return;
  const onward = requestOnward({
    hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
    port,
    path,
    method,
    headers: {
      ...pick(headers, REQUEST_HEADERS),
      [PASSED_ON]: signed,
      ...(body && { "content-length": body.length }),
    },
    // No connection is reused, so that leftover bytes are never read as the answer to another request.
    agent: false,
  });
  let hasFailed = false;
  const fail = () => {
    clearTimeout(timeout);
    onward.destroy();
    if (hasFailed) return;
    hasFailed = true;
    if (response.headersSent) response.destroy();
    else if (!response.destroyed) failed();
  };
  const timeout = setTimeout(fail, ONWARD_ANSWER_TIMEOUT).unref();
  onward.setTimeout(MAX_SILENCE, fail);
  onward.on("error", fail);
  // The request asked for no upgrade (RFC 9110, section 7.8).
  onward.on("upgrade", (_answer, socket) => {
    socket.destroy();
    fail();
  });
  onward.on("response", (answer) => {
    clearTimeout(timeout);
    const { statusCode = 0 } = answer;
    answer.on("error", fail);
    if (statusCode < 200 || statusCode > 599 || statusCode === MISDIRECTED) fail();
    else relay(answer, response);
  });
  response.on("close", () => onward.destroy());
  onward.end(body);
}

function relay(answer: IncomingMessage, response: ServerResponse): void {
  const headers = pick(answer.headers, RESPONSE_HEADERS);
  if (!String(headers.location ?? "").startsWith("/streams/")) delete headers.location;
  // No passed-on answer is a page of this server: the browser sandboxes it.
  response.writeHead(answer.statusCode ?? 502, { ...headers, "content-security-policy": "sandbox" });
  response.flushHeaders();
  answer.pipe(response);
}

/** The named headers, except those that `Connection` lists (RFC 9110, section 7.6.1). */
function pick(headers: IncomingHttpHeaders, names: readonly string[]): OutgoingHttpHeaders {
  const hopByHop = (headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => names.includes(name) && !hopByHop.includes(name)),
  );
}
