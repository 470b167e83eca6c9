/** HTTP: publishing, the page, the MJPEG fallback, snapshots, events and metrics. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import { hasFixedSecret, type Refused, type Verdict } from "../access/access.ts";
import { askerOf, hideToken } from "../access/asker.ts";
import { clientKey, type Guard } from "../access/guard.ts";
import { ANSWER_HEADERS, DATA_HEADERS, pageHeaders, SHOWN_ANYWHERE } from "../access/headers.ts";
import { LinkError, linksOf, revokeLinks } from "../access/links.ts";
import { pageRefusal } from "../access/origins.ts";
import { RIGHTS, type Right } from "../access/tokens.ts";
import type { Cancel, Clock } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { pageFolder } from "../base/package.ts";
import { STREAM_NAME, STREAM_NAME_RULE } from "../base/stream-name.ts";
import type { Broadcast } from "../broadcast/broadcast.ts";
import { type Directory, DirectoryError } from "../broadcast/directory.ts";
import type { Metrics } from "../broadcast/metrics.ts";
import { FullError, type Seats } from "../broadcast/seats.ts";
import type { PassedOn } from "../cluster/passed-on.ts";
import type { Streams } from "../cluster/streams.ts";
import { OPTIONS } from "../config/config.ts";
import { isLoopback, isOwnMachine } from "../network/ip.ts";
import { originOf } from "../network/machine-addresses.ts";
import { TakenError } from "../source/ingest/ingest.ts";
import { MJPEG_TYPE } from "../transport/mjpeg.ts";
import { EVENT_STREAM_TYPE, EventStream } from "./event-stream.ts";
import { MISDIRECTED } from "./pass-on.ts";
import { passOnRoutes } from "./pass-on-routes.ts";
import { boundaryOf, NotMultipartError, publishOverHttp, refuse } from "./publish.ts";
import { patienceFor, retryAfter } from "./retry-after.ts";
import type { WhepSessions } from "./whep/sessions.ts";
import { whepRoutes } from "./whep/whep.ts";

/** The stream that the page shows where its address names none. */
const DEFAULT_STREAM = OPTIONS.name.default;

export interface HttpOptions {
  /** Whether new viewers are welcome. */
  readonly isReady: () => boolean;
  /** A sentence where it should be joined with other servers, and is not. */
  readonly alone: () => string | undefined;
  readonly directory: Directory;
  /** Those of the directory, and of the servers that this one is joined with. */
  readonly streams: Streams;
  /** What those servers have passed on to this one. */
  readonly passedOn: PassedOn;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly guard: Guard;
  /** Room for those who follow events and telemetry. */
  readonly followers: Seats;
  readonly whep: WhepSessions;
  /** Origins of pages that may show the streams, beside those of {@link mayEmbed}. */
  readonly embedFrom: readonly string[];
  /** The names and addresses by which other machines reach it, the best first. */
  readonly reachable: () => readonly string[];
  /** Whether it speaks TLS itself. */
  readonly secure: boolean;
  /** Whether it serves the Unix socket, over which only this machine comes. */
  readonly local: boolean;
  readonly log: Log;
}

/** @throws where the page has not been built. */
export function httpApp(options: HttpOptions): Express {
  const {
    directory,
    streams,
    passedOn,
    metrics,
    clock,
    guard,
    followers,
    embedFrom,
    reachable,
    secure,
    local,
    log,
  } = options;
  const { access, proxies } = guard;
  const page = fileURLToPath(pageFolder);
  if (!existsSync(page))
    throw new Error("The page is not built: run `npm run build`, or start with `npm start`.");

  const app = express();
  app.disable("x-powered-by");
  app.use((_request, response, next) => {
    response.set(ANSWER_HEADERS);
    next();
  });
  app.use(["/healthz", "/readyz"], guard.checks);
  app.get("/healthz", (_request, response) =>
    sentence(response.set("Server", "rendercast"), 200, "It runs."),
  );
  app.get("/readyz", async (request, response) => {
    if (!options.isReady())
      return sentence(response, 503, "It takes no viewers: it is starting or stopping.");
    const alone = options.alone();
    // What it is joined by is the business of those who operate it.
    const isTold =
      alone !== undefined && (await access.mayDo(askerOf(request, local), "operate", undefined)).granted;
    sentence(response, 200, `It takes viewers.${isTold ? alone : ""}`);
  });
  // It tells whom the gate is to count.
  app.use((request, _response, next) => void passedOn.read(request).then(() => next(), next));
  app.use(guard.gate);
  app.use((request, response, next) => {
    if (!passedOn.isForged(request)) return next();
    log(`${request.socket.remoteAddress} passes a request on without a valid signature.`, { level: "debug" });
    sentence(response, MISDIRECTED, "Only servers that are joined pass requests on: leave that header out.");
  });
  app.use((request, response, next) => {
    hideToken(request);
    if (/^\/streams(\/|$)/.test(request.path)) response.set(DATA_HEADERS);
    else {
      const { headers, socket, path } = request;
      const origin = proxies.originOf({ headers, address: socket.remoteAddress }, secure);
      response.set(pageHeaders(headers.host, origin, /^\/embed(\/|$)/.test(path)));
    }
    next();
  });

  app.use(
    passOnRoutes({
      remote: (name) => streams.remote(name),
      passedOn,
      proxies,
      secure,
      // Checked here, by the name that the client used: the server that has the stream may have another name.
      misnamed: (request) => access.misnamed(askerOf(request, local)),
      refused: (response, message) => refuseAccess(response, { granted: false, status: 403, message }),
      failed: (response) =>
        sentence(
          response.set("Retry-After", "1"),
          502,
          "The server that has this stream does not answer; try again.",
        ),
    }),
  );
  app.use(
    whepRoutes({
      sessions: options.whep,
      mayView: (request, stream) => access.mayDo(askerOf(request, local), "view", stream),
      addressOf: (request) => clientKey(proxies, request),
      embedFrom,
      log,
    }),
  );
  app.use("/streams", (request, response, next) => {
    const { origin } = request.headers;
    response.vary("Origin");
    // Publishing is another matter: it asks who sends, not which page.
    if (request.method === "POST") return next();
    const refusal = pageRefusal(request.headers, embedFrom, { pictures: true });
    if (refusal !== undefined) return sentence(response, 403, refusal);
    if (origin === undefined) return next();
    response.set({
      "Access-Control-Allow-Origin": origin,
      "Access-Control-Expose-Headers": "Retry-After, X-Frame-Number",
    });
    if (request.method !== "OPTIONS") return next();
    response.set({ "Access-Control-Allow-Headers": "Authorization", "Access-Control-Max-Age": "600" });
    response.status(204).end();
  });
  app.get("/streams", async (request, response) => {
    const all = await Promise.all(
      streams.all().map(async (broadcast) => {
        const asker = askerOf(request, local);
        const verdict = await access.mayDo(asker, "view", broadcast.name);
        // Whoever may make links to it, being on this machine, may know of it.
        const asks = !verdict.granted && verdict.status === 401;
        const operates = asks && (await access.mayDo(asker, "operate", broadcast.name)).granted;
        return { broadcast, verdict, listed: verdict.granted || operates };
      }),
    );
    const [first] = all;
    if (first && !first.verdict.granted && !all.some(({ listed }) => listed))
      return refuseAccess(response, first.verdict);
    response.json(all.filter(({ listed }) => listed).map(({ broadcast }) => broadcast.info()));
  });
  app.get("/streams/:name", may("view"), (request, response) => {
    const broadcast = find(request, response);
    if (broadcast) response.json(broadcast.info());
  });
  app.get("/streams/:name/mjpeg", may("view"), (request, response) => {
    const broadcast = find(request, response);
    if (!broadcast) return;
    response.set(SHOWN_ANYWHERE);
    if (request.method === "HEAD") response.type(MJPEG_TYPE).end();
    else broadcast.streamMjpeg(response, "timed" in request.query, clientKey(proxies, request));
  });
  app.get("/streams/:name/snapshot.jpg", may("view"), async (request, response) => {
    const broadcast = find(request, response);
    if (!broadcast) return;
    const picture = await broadcast.snapshot("thumbnail" in request.query ? "thumbnail" : "full");
    if (!picture) {
      sentence(response.set("Retry-After", "1"), 503, "There is no picture yet.");
      return;
    }
    response.set({
      "Cache-Control": "no-store",
      "X-Frame-Number": String(picture.number),
      ...SHOWN_ANYWHERE,
    });
    response.type("image/jpeg").send(picture.data);
  });
  app.get("/streams/:name/events", may("view"), (request, response) =>
    follow(request, response, (broadcast, events) => {
      const tell = () => events.send("stream", JSON.stringify(broadcast.info()));
      const stopListening = broadcast.listen(tell);
      const stopTicking = clock.every(1000, tell);
      tell();
      return () => {
        stopListening();
        stopTicking();
      };
    }),
  );
  app.get("/streams/:name/telemetry", may("view"), (request, response) =>
    follow(request, response, (broadcast, events) =>
      broadcast.telemetry.follow((json) => events.send("telemetry", json)),
    ),
  );
  app.post("/streams/:name", may("publish"), async (request, response) => {
    // What is no multipart is refused before a stream is made for it.
    boundaryOf(request.headers["content-type"]);
    const { by } = response.locals.verdict;
    const own = by === "own";
    const takeover = "takeover" in request.query && (own || by === "token");
    const { headers, socket } = request;
    const client = proxies.clientOf({ headers, address: socket.remoteAddress });
    const sameClock = local || isLoopback(client);
    streams.mayPublish(request.params.name);
    const ingest = await directory.ingestOf(request.params.name);
    publishOverHttp(request, response, ingest, { address: client, takeover, sameClock, own });
  });
  // So that a page need not try what it is refused.
  app.get("/streams/:name/rights", async (request, response) => {
    const asker = askerOf(request, local);
    const verdicts = await Promise.all(
      RIGHTS.map(async (right) => ({ right, ...(await access.mayDo(asker, right, request.params.name)) })),
    );
    const rights = verdicts.filter(({ granted }) => granted).map(({ right }) => right);
    // As Access.mayShare has it.
    const shares = verdicts.some(
      (one) => (one.right === "operate" && one.granted) || (one.right === "view" && hasFixedSecret(one)),
    );
    response.set("Cache-Control", "no-store").json([...rights, ...(shares ? ["share"] : [])]);
  });
  app.get("/streams/:name/viewers", may("operate"), (request, response) => {
    const broadcast = find(request, response);
    if (broadcast) response.set("Cache-Control", "no-store").json(broadcast.viewerInfos());
  });
  app.post("/streams/:name/share", async (request, response) => {
    const verdict = await access.mayShare(askerOf(request, local), request.params.name);
    if (!verdict.granted) return refuseAccess(response, verdict);
    const { headers, socket } = request;
    const origin = proxies.originOf({ headers, address: socket.remoteAddress }, secure);
    // Who asks on this machine has an address that no other can use: it comes last.
    const here = URL.canParse(origin) && isOwnMachine(new URL(origin).hostname);
    const names = here ? reachable().filter((name) => !isOwnMachine(name)) : [];
    const others = names.map((name) => originOf(name, socket.localPort ?? 0, secure));
    const [best = origin, ...rest] = [...new Set([...others, origin])];
    const links = await linksOf(access, [best, ...rest], request.params.name, request.query);
    response.set("Cache-Control", "no-store").json(links);
  });
  app.post("/shares/revoke", may<object>("operate"), async (request, response) => {
    const { lasts, message } = await revokeLinks(guard.links, request.query);
    sentence(response, lasts ? 200 : 500, message);
  });
  app.get("/metrics", may<object>("operate"), async (_request, response) => {
    const { type, text } = await metrics.scrape();
    response.set("Content-Type", type).send(text);
  });

  app.get("/", (request, response, next) => {
    const [first, second] = streams.all();
    const isTold = access.misnamed(askerOf(request, local)) === undefined;
    // Who has one stream wants to see that.
    if (second) response.sendFile("home.html", { root: page });
    else if (first === undefined || first.name === DEFAULT_STREAM || !isTold) next();
    else response.redirect(`/watch/${encodeURIComponent(first.name)}`);
  });
  app.get("/lab", (_request, response) => response.sendFile("lab/lab.html", { root: page }));
  app.get("/all", (_request, response) => response.sendFile("home.html", { root: page }));
  for (const [path, file] of [
    ["/watch/:name", "index.html"],
    ["/embed/:name", "embed.html"],
    ["/lab/:name", "lab/lab.html"],
  ] as const) {
    app.get(path, (request, response) => {
      // A publisher may still come and take the name, if it is one.
      if (STREAM_NAME.test(request.params.name ?? "")) response.sendFile(file, { root: page });
      else missing(request, response, `There is no such stream: a name is ${STREAM_NAME_RULE}.`);
    });
  }
  app.get("/player.js", (_request, response, next) => {
    // A module from another origin is loaded only where that lets everybody have it.
    response.set({ "Access-Control-Allow-Origin": "*", ...SHOWN_ANYWHERE });
    next();
  });
  app.use(express.static(page, { index: "index.html", redirect: false }));
  app.use((request, response) => missing(request, response, "There is nothing here."));
  app.use(onError);
  return app;

  /** Answers with events until the client goes, or another broadcast may have the stream's name. */
  function follow(
    request: Request<{ name: string }>,
    response: Response,
    begin: (broadcast: Broadcast, events: EventStream) => Cancel,
  ): void {
    const broadcast = find(request, response);
    if (!broadcast) return;
    if (request.method === "HEAD") {
      response.type(EVENT_STREAM_TYPE).end();
      return;
    }
    const freeSeat = followers.take(broadcast.name, clientKey(proxies, request));
    const events = new EventStream(response, clock, () => {
      freeSeat();
      stop();
      stopTicking();
    });
    const stop = begin(broadcast, events);
    const stopTicking = clock.every(1000, () => {
      if (directory.find(broadcast.name) !== broadcast) response.end();
    });
  }

  /** Says why not, and to who looks closely at the log too. */
  function refuseAccess(response: Response, refused: Refused): void {
    const { req: request } = response;
    const client = proxies.clientOf({ headers: request.headers, address: request.socket.remoteAddress });
    log(
      `${request.method} ${request.path} from ${client ?? "here"} is refused (${refused.status}): ${refused.message}`,
      {
        level: "debug",
      },
    );
    answerRefused(response, refused);
  }

  /** Lets only those on who have the right to the stream in the path, or to the whole server where it has none. */
  function may<P extends { name?: string } = { name: string }>(right: Right) {
    return async (request: Request<P>, response: Allowed, next: NextFunction) => {
      const verdict = await access.mayDo(askerOf(request, local), right, request.params.name);
      // Who has left meanwhile is not told of it any more, and would keep what it is given.
      if (response.destroyed) return;
      if (!verdict.granted) return refuseAccess(response, verdict);
      response.locals.verdict = verdict;
      // Who publishes was let in for as long as it goes on.
      if (right === "view")
        response.once(
          "close",
          verdict.whenOver(() => response.destroy()),
        );
      next();
    };
  }

  /** A page for people, a sentence for programs. */
  function missing(request: Request, response: Response, text: string): void {
    const isPage = request.method === "GET" && !request.path.startsWith("/streams");
    // Programs take anything; browsers ask for HTML first.
    if (isPage && request.accepts(["text/plain", "text/html"]) === "text/html")
      response.status(404).sendFile("missing.html", { root: page });
    else sentence(response, 404, text);
  }

  function find(request: Request<{ name: string }>, response: Response): Broadcast | undefined {
    const { name } = request.params;
    const broadcast = directory.find(name);
    if (!broadcast) sentence(response, 404, "There is no stream of that name.");
    return broadcast;
  }

  /** Express knows an error handler by its four parameters. */
  function onError(error: unknown, _request: Request, response: Response, _next: NextFunction): void {
    const status = error instanceof Error && "status" in error ? error.status : undefined;
    if (response.headersSent) response.destroy();
    else if (error instanceof FullError) {
      log(`There is no seat: ${error.message}`, { level: "debug" });
      sentence(response.set("Retry-After", "10"), 503, error.message);
    } else if (error instanceof LinkError) sentence(response, 400, error.message);
    else if (error instanceof DirectoryError) sentence(response, error.status, error.message);
    else if (error instanceof TakenError) sentence(response, 409, error.message);
    else if (error instanceof NotMultipartError) sentence(response, 415, error.message);
    else if (typeof status === "number" && status >= 400 && status < 500) {
      sentence(response, status, "The request is not valid.");
    } else {
      log(`An HTTP request failed: ${reasonOf(error)}`);
      sentence(response, 500, "The server failed to answer; its log says why.");
    }
  }
}

/** An answer to who was let on. */
type Allowed = Response<unknown, { verdict: Extract<Verdict, { granted: true }> }>;

/** RFC 6750, section 3. */
function answerRefused(response: Response, { status, message }: Refused): void {
  if (status === 401) response.set("WWW-Authenticate", "Bearer");
  sentence(response, status, message);
}

function sentence(response: Response, status: number, text: string): void {
  const { headers } = response.req;
  const hasBody = "transfer-encoding" in headers || Number(headers["content-length"] ?? 0) > 0;
  if (hasBody) refuse(response.req, response, status, text);
  else {
    const patience = patienceFor(status);
    if (patience !== undefined && !response.hasHeader("Retry-After"))
      response.set("Retry-After", retryAfter(patience));
    response.status(status).type("text/plain").send(`${text}\n`);
  }
}
