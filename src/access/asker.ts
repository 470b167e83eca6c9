/** Who asks: where a request comes from, and the token that it brings. */
import type { IncomingMessage } from "node:http";
import type { Origin } from "./from-this-machine.ts";

export interface Asker extends Origin {
  /** Undefined where it brings none; empty where its credentials are of another kind. */
  readonly token: string | undefined;
  /** Whether the token stood in the request's address, which others write down. */
  readonly inAddress: boolean;
  /** Whether it came by TLS to this server itself. */
  readonly secure: boolean;
}

/** Who sent a request, so that its token is looked at once. */
const askers = new WeakMap<IncomingMessage, Asker>();

/** The tokens that stood in addresses, by their requests. */
const hidden = new WeakMap<IncomingMessage, string>();

/**
 * Takes `?token=` out of the request's address, for `<img>` and `EventSource`, which can send no header: what logs or
 * shows the address later does not have it. {@link askerOf} still does.
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

/** The request's address as it came, with what {@link hideToken} has taken out. */
export function wholeAddress(request: IncomingMessage & { originalUrl?: string }): string {
  const url = request.originalUrl ?? request.url ?? "/";
  const token = hidden.get(request);
  return token === undefined
    ? url
    : `${url}${url.includes("?") ? "&" : "?"}token=${encodeURIComponent(token)}`;
}

/**
 * Who sent the request: the same object each time.
 * @param local whether it came over the Unix socket.
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
