/** HTTP: the page, the MJPEG fallback, snapshots and metrics. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from "express";
import { type Broadcast, FullError } from "./broadcast.ts";
import { OPTIONS } from "./config.ts";
import type { Directory } from "./directory.ts";
import type { Metrics } from "./metrics.ts";
import { pageFolder } from "./package.ts";

/** The stream that the page shows where its address names none. */
const DEFAULT_STREAM = OPTIONS.name.default;

/** @throws where the page has not been built. */
export function httpApp(directory: Directory, metrics: Metrics, log: (line: string) => void): Express {
  const page = fileURLToPath(pageFolder);
  if (!existsSync(page))
    throw new Error("The page is not built: run `npm run build`, or start with `npm start`.");

  const app = express();
  app.disable("x-powered-by");
  app.use((_request, response, next) => {
    response.set({ "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer" });
    next();
  });

  app.get("/streams", (_request, response) => {
    response.json(directory.all().map((broadcast) => broadcast.info()));
  });
  app.get("/streams/:name", (request, response) => {
    const broadcast = find(request, response);
    if (broadcast) response.json(broadcast.info());
  });
  app.get("/streams/:name/mjpeg", (request, response) => {
    find(request, response)?.streamMjpeg(response, "timed" in request.query);
  });
  app.get("/streams/:name/snapshot.jpg", async (request, response) => {
    const broadcast = find(request, response);
    if (!broadcast) return;
    const picture = await broadcast.snapshot();
    if (!picture) {
      sentence(response.set("Retry-After", "1"), 503, "There is no picture yet.");
      return;
    }
    response.set({ "Cache-Control": "no-store", "X-Frame-Number": String(picture.number) });
    response.type("image/jpeg").send(picture.data);
  });
  app.get("/metrics", async (_request, response) => {
    const { type, text } = await metrics.scrape();
    response.set("Content-Type", type).send(text);
  });

  app.get("/", (_request, response, next) => {
    const [first] = directory.all();
    if (first === undefined || directory.find(DEFAULT_STREAM)) next();
    else response.redirect(`/watch/${encodeURIComponent(first.name)}`);
  });
  app.get("/watch/:name", (_request, response) => response.sendFile("index.html", { root: page }));
  app.use(express.static(page, { index: "index.html", redirect: false }));
  app.use((_request, response) => sentence(response, 404, "There is nothing here."));
  app.use(onError);
  return app;

  function find(request: Request<{ name: string }>, response: Response): Broadcast | undefined {
    const { name } = request.params;
    const broadcast = directory.find(name);
    if (!broadcast) sentence(response, 404, "There is no stream of that name.");
    return broadcast;
  }

  /** Express knows an error handler by its four parameters. */
  function onError(...[error, _request, response, _next]: Parameters<ErrorRequestHandler>): void {
    const status: unknown = error?.status;
    if (response.headersSent) response.destroy();
    else if (error instanceof FullError) sentence(response.set("Retry-After", "10"), 503, error.message);
    else if (typeof status === "number" && status >= 400 && status < 500) {
      sentence(response, status, "The request is not valid.");
    } else {
      log(`An HTTP request failed: ${error instanceof Error ? error.message : error}`);
      sentence(response, 500, "The server failed to answer; its log says why.");
    }
  }
}

function sentence(response: Response, status: number, text: string): void {
  response.status(status).type("text/plain").send(`${text}\n`);
}
