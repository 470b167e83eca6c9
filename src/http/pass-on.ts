/**
 * Passes a request for a stream on to the server that has it, and its answer back: all but the signaling. The request is
 * written new from what is known to be right in it, on a connection of its own (decision 0021).
 */
import {
  request as ask,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from "node:http";
import type { Vouched } from "../access/proxies.ts";
import type { Millis } from "../base/clock.ts";
import { PASSED_ON, type Receiver, vouch } from "../cluster/passed-on.ts";

/** The other server is in the same network, and waits a second for a picture. */
const ANSWERS_WITHIN: Millis = 5000;

/** An answer that goes on says something each few seconds. */
const MAX_SILENCE: Millis = 60_000;

/** The methods that a stream's resources take; the bodies of two of them mean something. */
const METHODS = ["GET", "HEAD", "POST", "PATCH", "DELETE"];
const WITH_BODY = ["POST", "PATCH"];

/** No dots alone, slashes or percent signs, however they were written. */
const SEGMENT = /^[\w-][\w.-]{0,127}$/;

/** What a stream's resource may need to know of the request: nothing of the connection (RFC 9110, section 7.6.1). */
const OF_REQUEST = [
  ..."accept authorization content-type host if-match if-none-match last-event-id origin referer".split(" "),
  ..."sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user user-agent".split(" "),
];

/** What the client may need to know of the answer: no cookies, which other servers must not set for this one. */
const OF_ANSWER = [
  ..."accept-patch accept-post allow cache-control content-length content-type etag link location".split(" "),
  ..."referrer-policy retry-after vary www-authenticate".split(" "),
  ..."access-control-allow-headers access-control-allow-methods access-control-allow-origin".split(" "),
  ..."access-control-expose-headers access-control-max-age cross-origin-resource-policy".split(" "),
  ..."x-accel-buffering x-content-type-options x-frame-number".split(" "),
];

/** It does not take what is passed on: it is not the server that was meant (RFC 9110, section 15.5.20). */
export const MISDIRECTED = 421;

/**
 * The path and query to ask another server for; undefined for what is not passed on.
 * @param segments behind the stream's name, decoded.
 * @param address of the request, of which the query is taken.
 */
export function pathOf(
  method: string,
  stream: string,
  segments: readonly string[],
  address: string,
): string | undefined {
  const all = [stream, ...segments];
  if (!METHODS.includes(method) || !all.every((one) => SEGMENT.test(one))) return undefined;
  const question = address.indexOf("?");
  const query = question < 0 ? "" : new URLSearchParams(address.slice(question)).toString();
  return `/streams/${all.join("/")}${query === "" ? "" : `?${query}`}`;
}

/** Whether the body of such a request has a meaning: of others it is not read. */
export function takesBody(method: string): boolean {
  return WITH_BODY.includes(method);
}

/** Where it goes, and with what. */
export interface PassOnOptions extends Vouched {
  readonly to: Receiver & { /** Its origin, such as `http://10.0.0.7:8080`. */ readonly url: string };
  /** As {@link pathOf} makes it. */
  readonly path: string;
  readonly body: Buffer | undefined;
  /** Answers where that server does not. */
  readonly failed: () => void;
}

/** Rejects only before anything is answered. */
export async function passOn(
  { headers, method = "GET" }: IncomingMessage,
  response: ServerResponse,
  { to, path, body, client, proto, failed }: PassOnOptions,
): Promise<void> {
  const { hostname, port } = new URL(to.url);
  const signed = await vouch(to, { method, path, client, proto });
  if (response.destroyed) return;
  const asked = ask({
    hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
    port,
    path,
    method,
    headers: {
      ...chosen(headers, OF_REQUEST),
      [PASSED_ON]: signed,
      ...(body && { "content-length": body.length }),
    },
    // A connection for this request alone: what is left over on it is never read as another's answer.
    agent: false,
  });
  let hasFailed = false;
  const fail = () => {
    clearTimeout(tooLate);
    asked.destroy();
    if (hasFailed) return;
    hasFailed = true;
    if (response.headersSent) response.destroy();
    else if (!response.destroyed) failed();
  };
  const tooLate = setTimeout(fail, ANSWERS_WITHIN).unref();
  asked.setTimeout(MAX_SILENCE, fail);
  asked.on("error", fail);
  // What was not asked for (RFC 9110, section 7.8).
  asked.on("upgrade", (_answer, socket) => {
    socket.destroy();
    fail();
  });
  asked.on("response", (answer) => {
    clearTimeout(tooLate);
    const { statusCode = 0 } = answer;
    answer.on("error", fail);
    if (statusCode < 200 || statusCode > 599 || statusCode === MISDIRECTED) fail();
    else relay(answer, response);
  });
  response.on("close", () => asked.destroy());
  asked.end(body);
}

function relay(answer: IncomingMessage, response: ServerResponse): void {
  const headers = chosen(answer.headers, OF_ANSWER);
  if (!String(headers.location ?? "").startsWith("/streams/")) delete headers.location;
  // Nothing that comes from there is a page of this server's.
  response.writeHead(answer.statusCode ?? 502, { ...headers, "content-security-policy": "sandbox" });
  response.flushHeaders();
  answer.pipe(response);
}

/** Those of the headers that are named, unless `Connection` names them too (RFC 9110, section 7.6.1). */
function chosen(headers: IncomingHttpHeaders, names: readonly string[]): OutgoingHttpHeaders {
  const ofConnection = (headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => names.includes(name) && !ofConnection.includes(name)),
  );
}
