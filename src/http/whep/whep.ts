/** The WHEP routes (draft-ietf-wish-whep-04): the endpoint of each stream, and the URL of each session. */

import express, {
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
  Router,
} from "express";
import type { Granted, Refused, WhenOver } from "../../access/access.ts";
import { embedRefusal, mayEmbed } from "../../access/origins.ts";
import type { Log } from "../../base/log.ts";
import { STREAM_NAME, STREAM_NAME_RULE } from "../../base/stream-name.ts";
import { type IceConfiguration, type IceServer, MAX_OFFER_LENGTH } from "../../shared/protocol.ts";
import { Problem, problemHandler } from "./problem.ts";
import { NO_SESSION, type WhepSessions } from "./sessions.ts";

/** What {@link whepRoutes} needs. */
export interface WhepOptions {
  readonly sessions: WhepSessions;
  /** Whether the request's sender may watch the stream. */
  readonly mayView: (request: Request, stream: string) => Promise<Granted | Refused>;
  /** The key by which viewers are counted, see `addressKey`. */
  readonly addressOf: (request: Request) => string;
  /** Origins of pages that may show the streams, besides those that {@link mayEmbed} allows. */
  readonly embedFrom: readonly string[];
  readonly log: Log;
}

const SDP = "application/sdp";
const FRAGMENT = "application/trickle-ice-sdpfrag";

const ENDPOINT_METHODS = "OPTIONS, GET, HEAD, POST";
const SESSION_METHODS = "OPTIONS, GET, HEAD, PATCH, DELETE";

/** Response headers that pages of other sites may read. */
const EXPOSED_HEADERS = "Location, ETag, Link, Retry-After, Accept-Post, Accept-Patch";

/** How long browsers cache the answer to a preflight request. */
const PREFLIGHT_MAX_AGE_SECONDS = 7200;

/** The response to a client that may watch, with what reports the end of that right. */
type ViewerResponse = Response<unknown, { whenOver: WhenOver }>;

const ENDPOINT = "/streams/:name/whep";
const SESSION = `${ENDPOINT}/:id`;

/** The routes below `/streams/NAME/whep`. */
export function whepRoutes(options: WhepOptions): Router {
  const router = Router();
  router.use(ENDPOINT, allowEmbedding(options.embedFrom));
  addEndpointRoutes(router, options);
  addSessionRoutes(router, options.sessions);
  router.use(ENDPOINT, problemHandler(options.log));
  return router;
}

/** Lets pages that may show the streams read the answers (CORS). */
function allowEmbedding(embedFrom: readonly string[]): RequestHandler {
  return (request, response, next) => {
    const { origin, host } = request.headers;
    response.vary("Origin");
    if (origin !== undefined && mayEmbed(origin, host, embedFrom)) {
      response.set({
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": EXPOSED_HEADERS,
      });
    } else if (origin !== undefined && request.method !== "OPTIONS") {
      throw new Problem(403, embedRefusal(origin));
    }
    next();
  };
}

function addEndpointRoutes(router: Router, { sessions, mayView, addressOf }: WhepOptions): void {
  router.options(ENDPOINT, preflight(ENDPOINT_METHODS, { "Accept-Post": SDP }));
  router.get(ENDPOINT, (_request, response) => {
    response.status(204).end();
  });
  // Only this route checks the right to view: the URL of a session cannot be guessed.
  router.post(ENDPOINT, permitted, bodyOf(SDP), async (request, response: ViewerResponse) => {
    const { name } = request.params;
    const { whenOver } = response.locals;
    const offer = textOf(request, SDP);
    const { id, etag, answer, ice } = await sessions.open(name, offer, addressOf(request), whenOver);
    response.status(201).location(`/streams/${encodeURIComponent(name)}/whep/${id}`);
    response.set({ ETag: etag, "Accept-Patch": FRAGMENT });
    link(response, ice);
    response.type(SDP).send(Buffer.from(answer));
  });
  router.all(ENDPOINT, notAllowed(ENDPOINT_METHODS));

  async function permitted(request: Request<{ name: string }>, response: ViewerResponse, next: NextFunction) {
    const { name } = request.params;
    if (!STREAM_NAME.test(name))
      throw new Problem(404, `No stream has this name. A name is ${STREAM_NAME_RULE}.`);
    const verdict = await mayView(request, name);
    if (!verdict.granted) {
      if (verdict.status === 401) response.set("WWW-Authenticate", "Bearer");
      throw new Problem(verdict.status, verdict.message);
    }
    response.locals.whenOver = verdict.whenOver;
    next();
  }
}

function addSessionRoutes(router: Router, sessions: WhepSessions): void {
  router.options(SESSION, preflight(SESSION_METHODS, { "Accept-Patch": FRAGMENT }));
  router.get(SESSION, (request, response) => {
    const { name, id } = request.params;
    if (!sessions.has(name, id)) throw new Problem(404, NO_SESSION);
    response.status(204).end();
  });
  router.patch(SESSION, bodyOf(FRAGMENT), async (request, response) => {
    const { name, id } = request.params;
    const fragment = textOf(request, FRAGMENT);
    const restarted = await sessions.patch(name, id, fragment, request.headers["if-match"]);
    if (!restarted) {
      response.status(204).end();
      return;
    }
    response.set("ETag", restarted.etag);
    link(response, restarted.ice);
    response.type(FRAGMENT).send(Buffer.from(restarted.fragment));
  });
  router.delete(SESSION, (request, response) => {
    sessions.end(request.params.name, request.params.id);
    response.status(200).end();
  });
  router.all(SESSION, notAllowed(SESSION_METHODS));
}

/** Answers `OPTIONS`, which browsers send before requests of other sites (CORS). */
function preflight(methods: string, headers: Record<string, string>): RequestHandler {
  return (_request, response) => {
    response.set({
      Allow: methods,
      "Access-Control-Allow-Methods": methods,
      "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
      "Access-Control-Max-Age": String(PREFLIGHT_MAX_AGE_SECONDS),
      ...headers,
    });
    response.status(200).end();
  };
}

function notAllowed(methods: string): RequestHandler {
  return (_request, response) => {
    response.set("Allow", methods);
    throw new Problem(405, `The method is not supported here. Use one of ${methods}.`);
  };
}

function bodyOf(type: string) {
  return express.text({ type, limit: MAX_OFFER_LENGTH, inflate: false });
}

/**
 * The body of the request.
 * @throws {Problem} if it is empty or of another type.
 */
function textOf({ body, headers }: Request, type: string): string {
  const isOfType = (headers["content-type"] ?? "").toLowerCase().startsWith(type);
  if (!isOfType) throw new Problem(415, `The body has the wrong type. Send ${type}.`);
  if (typeof body !== "string" || body === "")
    throw new Problem(400, "The body is empty. Send a session description or a fragment of one.");
  return body;
}

/** Sends the STUN and TURN servers in `Link` headers (RFC 9725, section 4.6). */
function link(response: Response, { iceServers = [] }: Partial<IceConfiguration>): void {
  const links = iceServers.map(linkOf).filter((one) => /^[\x20-\x7e]*$/.test(one));
  if (links.length > 0) response.set("Link", links);
}

function linkOf({ urls, username, credential }: IceServer): string {
  const quoted = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;
  const secrets =
    username === undefined || credential === undefined
      ? ""
      : `; username=${quoted(username)}; credential=${quoted(credential)}; credential-type="password"`;
  return `<${urls}>; rel="ice-server"${secrets}`;
}
