/**
 * HTTP: the pages, and every route of the API. This file has the order in which a request passes middleware and
 * routes; each group of routes has a file of its own.
 */
import type { RequestListener } from "node:http";
import express, { type RequestHandler } from "express";
import { hideToken } from "../access/asker.ts";
import { clientKey, type Guard } from "../access/guard.ts";
import { type Proxies, senderOf } from "../access/proxies.ts";
import { ANSWER_HEADERS, DATA_HEADERS, pageHeaders } from "../access/security-headers.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Directory } from "../broadcast/directory.ts";
import type { Metrics } from "../broadcast/metrics.ts";
import type { Seats } from "../broadcast/seats.ts";
import { PASSED_ON, type PassedOn } from "../cluster/passed-on.ts";
import type { Streams } from "../cluster/streams.ts";
import { sendText } from "./answers.ts";
import { addControlRoutes, type ControlNeeds } from "./control-route.ts";
import { crossOrigin } from "./cross-origin.ts";
import { errorHandler } from "./errors.ts";
import { addHealthRoutes, addMetricsRoute } from "./health.ts";
import { addPages } from "./pages.ts";
import { MISDIRECTED } from "./pass-on.ts";
import { passOnRoutes } from "./pass-on-routes.ts";
import { Permissions } from "./permissions.ts";
import { addPublishRoute } from "./publish-route.ts";
import { requireReadableTarget } from "./request-target.ts";
import { addShareRoutes } from "./share.ts";
import { addStreamRoutes, listStreams } from "./streams.ts";
import { addTelemetryRoute } from "./telemetry-route.ts";
import type { WhepSessions } from "./whep/sessions.ts";
import { whepRoutes } from "./whep/whep.ts";

/** What the HTTP app needs of the rest of the server. */
export interface HttpOptions {
  /** Whether the server takes new viewers. */
  readonly isReady: () => boolean;
  /** Why the server works without its cluster, as a sentence after a space; undefined if it does not. */
  readonly alone: () => string | undefined;
  readonly directory: Directory;
  readonly control: ControlNeeds["control"];
  /** The streams of the directory, and those of joined servers. */
  readonly streams: Streams;
  /** The requests that joined servers passed on to this one. */
  readonly passedOn: PassedOn;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly guard: Guard;
  /** Seats of the clients that follow events and telemetry. */
  readonly followers: Seats;
  readonly whep: WhepSessions;
  /** Origins of pages that may show the streams, besides those that `mayEmbed` allows. */
  readonly embedFrom: readonly string[];
  /** The names and addresses by which other machines reach the server, the best first. */
  readonly reachable: () => readonly string[];
  /** Whether the server itself speaks TLS. */
  readonly secure: boolean;
  /** Whether the app serves the Unix socket, which only programs on this machine reach. */
  readonly local: boolean;
  readonly log: Log;
}

/**
 * The request handler of the server, in the order of its middleware and routes.
 * @throws if the pages are not built.
 */
export function httpApp(options: HttpOptions): RequestListener {
  const { streams, passedOn, guard, embedFrom, secure, local, log } = options;
  const { access, proxies } = guard;
  const permissions = new Permissions(guard, local, log);
  const needs = { ...options, permissions, proxies };

  const app = express();
  app.disable("x-powered-by");
  app.use((_request, response, next) => {
    response.set(ANSWER_HEADERS);
    next();
  });
  addHealthRoutes(app, needs);
  // Before the rate limit, which counts the client that the joined server names.
  app.use((request, _response, next) => void passedOn.read(request).then(() => next(), next));
  app.use(guard.gate);
  app.use(refuseForged(passedOn, log));
  app.use(hideTokenAndSetHeaders(proxies, secure));
  app.use(
    passOnRoutes({
      ...{ passedOn, proxies, secure },
      remote: (name) => streams.remote(name),
      // Checked here, against the name that the client used: the server with the stream may have another name.
      misnamed: (request) => access.misnamed(permissions.asker(request)),
      refused: (response, message) => permissions.refuse(response, { granted: false, status: 403, message }),
      failed: (response) => {
        response.set("Retry-After", "1");
        sendText(response, 502, "The server with this stream does not respond. Try again.");
      },
    }),
  );
  app.use(
    whepRoutes({
      ...{ embedFrom, log },
      sessions: options.whep,
      mayView: (request, stream) => access.mayDo(permissions.asker(request), "view", stream),
      addressOf: (request) => clientKey(proxies, request),
    }),
  );
  app.use("/streams", crossOrigin(embedFrom));
  addStreamRoutes(app, needs);
  addPublishRoute(app, needs);
  addTelemetryRoute(app, needs);
  addShareRoutes(app, needs);
  addControlRoutes(app, needs);
  addMetricsRoute(app, options.metrics, permissions);
  addPages(app, {
    streams,
    mayKnowStreams: (request) => access.misnamed(permissions.asker(request)) === undefined,
    listed: async (request) => (await listStreams(needs, request)).listed,
  });
  app.use(errorHandler(log));
  return requireReadableTarget(app, guard.gate);
}

/** Refuses requests that claim to come from a joined server, and do not prove it. */
function refuseForged(passedOn: PassedOn, log: Log): RequestHandler {
  return (request, response, next) => {
    if (!passedOn.isForged(request)) return next();
    log(`A client sent ${PASSED_ON} without a valid signature.`, { level: "debug" });
    const text = `Only joined servers may send the header ${PASSED_ON}. Send the request without it.`;
    sendText(response, MISDIRECTED, text);
  };
}

/** Takes the token out of the URL before a route sees it, and sets the security headers of a page or of data. */
function hideTokenAndSetHeaders(proxies: Proxies, secure: boolean): RequestHandler {
  return (request, response, next) => {
    hideToken(request);
    if (/^\/streams(\/|$)/.test(request.path)) response.set(DATA_HEADERS);
    else {
      const origin = proxies.originOf(senderOf(request), secure);
      response.set(pageHeaders(request.headers.host, origin, /^\/embed(\/|$)/.test(request.path)));
    }
    next();
  };
}
