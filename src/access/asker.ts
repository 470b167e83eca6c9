/** The sender of a request, as the access rules see it: where it comes from, and its token. */
import type { IncomingMessage } from "node:http";
import type { Origin } from "./from-this-machine.ts";

/** The sender of a request. */
export interface Asker extends Origin {
  /** Undefined if there is none; empty if the credentials are of another kind than `Bearer`. */
  readonly token: string | undefined;
  /** Whether the token was in the URL, which logs and history keep. */
  readonly inAddress: boolean;
  /** Whether the connection to this server uses TLS. */
  readonly secure: boolean;
}

/** One asker per request, so that its token is checked once. */
const askers = new WeakMap<IncomingMessage, Asker>();

/** The tokens that {@link hideToken} removed from URLs. */
const hidden = new WeakMap<IncomingMessage, string>();

/**
 * Removes `?token=` from the request's URL, so that nothing logs it later; {@link askerOf} still has it. `<img>` and
 * `EventSource` cannot send headers, so they send their token there.
 */
export function hideToken(request: IncomingMessage & { originalUrl?: string }): void {
  const [path, query] = splitOnce(request.url ?? "", "?");
  if (query === undefined || !/token/i.test(query)) return;
  const parameters = new URLSearchParams(query);
  const token = parameters.get("token");
  if (token === null) return;
  parameters.delete("token");
  hidden.set(request, token);
  const rest = parameters.toString();
  request.url = rest === "" ? path : `${path}?${rest}`;
  if (request.originalUrl !== undefined) request.originalUrl = request.url;
}

/** The request's URL with the token that {@link hideToken} removed. */
export function wholeAddress(request: IncomingMessage & { originalUrl?: string }): string {
  const url = request.originalUrl ?? request.url ?? "/";
  const token = hidden.get(request);
  return token === undefined
    ? url
    : `${url}${url.includes("?") ? "&" : "?"}token=${encodeURIComponent(token)}`;
}

/**
 * The sender of the request: the same object for each call.
 * @param local whether the request came over the Unix socket.
 */
export function askerOf(request: IncomingMessage, local = false): Asker {
  const asker = askers.get(request) ?? newAsker(request, local);
  askers.set(request, asker);
  return asker;
}

function newAsker(request: IncomingMessage, local: boolean): Asker {
  const { headers, httpVersion, socket } = request;
  const origin = {
    headers,
    httpVersion,
    address: socket.remoteAddress,
    local,
    secure: "encrypted" in socket,
  };
  if (headers.authorization !== undefined) {
    const token = /^Bearer +(\S.*)$/i.exec(headers.authorization)?.[1] ?? "";
    return { ...origin, token, inAddress: false };
  }
  return { ...origin, token: hidden.get(request), inAddress: hidden.has(request) };
}

function splitOnce(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}
