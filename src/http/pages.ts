/** The pages: home, player, embedded player, lab, and the files that they load. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Express, Request, Response } from "express";
import { SHOWN_ANYWHERE } from "../access/security-headers.ts";
import { pageFolder } from "../base/package.ts";
import { STREAM_NAME, STREAM_NAME_RULE } from "../base/stream-name.ts";
import type { Streams } from "../cluster/streams.ts";
import { OPTIONS } from "../config/options.ts";
import { sendText } from "./answers.ts";
import { PageFiles } from "./page-files.ts";
import { sendListOf, sendPageOf } from "./without-scripts.ts";

/** The stream of the start page. */
const DEFAULT_STREAM = OPTIONS.name.default;

/** What the pages need. */
export interface PageNeeds {
  readonly streams: Streams;
  /** Whether the request may learn the names of streams: not if a page of another site may read the answer. */
  readonly mayKnowStreams: (request: Request) => boolean;
  /** The streams that the request may list. */
  readonly listed: (request: Request) => Promise<readonly { readonly name: string }[]>;
}

/** Adds the pages, and an answer to all requests that no route takes. */
export function addPages(app: Express, { streams, mayKnowStreams, listed }: PageNeeds): void {
  const root = builtPages();
  const files = new PageFiles(root);
  const sendHome = async (request: Request, response: Response) =>
    sendListOf(
      (await listed(request)).map(({ name }) => name),
      join(root, "home.html"),
      response,
    );
  app.get("/", (request, response, next) => {
    const [first, second] = streams.all();
    if (second) return sendHome(request, response);
    if (first === undefined || first.name === DEFAULT_STREAM || !mayKnowStreams(request)) next();
    else response.redirect(`/watch/${encodeURIComponent(first.name)}`);
  });
  app.get("/lab", (request, response) => files.send(request, response, "lab/lab.html"));
  app.get("/all", sendHome);
  for (const [path, file] of [
    ["/watch/:name", "index.html"],
    ["/embed/:name", "embed.html"],
    ["/lab/:name", "lab/lab.html"],
  ] as const) {
    app.get(path, (request, response) => {
      // The page also opens before its stream exists: a publisher may start it later.
      const { name } = request.params;
      // As built, the pages are those of this stream.
      if (name === DEFAULT_STREAM) files.send(request, response, file);
      else if (STREAM_NAME.test(name)) return sendPageOf(name, join(root, file), response);
      else sendMissing(files, request, response, `No stream has this name. A name is ${STREAM_NAME_RULE}.`);
    });
  }
  app.get("/player.js", (_request, response, next) => {
    // Pages of other sites load a module only if CORS allows it.
    response.set({ "Access-Control-Allow-Origin": "*", ...SHOWN_ANYWHERE });
    next();
  });
  app.get("/", (request, response) => files.send(request, response, "index.html"));
  app.use(files.handler);
  app.use((request, response) =>
    sendMissing(files, request, response, "There is nothing at this address. Check it for typing errors."),
  );
}

function builtPages(): string {
  const root = fileURLToPath(pageFolder);
  if (!existsSync(root))
    throw new Error("The pages are not built. Run `npm run build`, or start with `npm start`.");
  return root;
}

/** Answers 404: with a page for people, with a sentence for programs. */
function sendMissing(files: PageFiles, request: Request, response: Response, text: string): void {
  const isPage = request.method === "GET" && !request.path.startsWith("/streams");
  // Programs accept anything; browsers prefer HTML.
  if (isPage && request.accepts(["text/plain", "text/html"]) === "text/html")
    files.send(request, response.status(404), "missing.html");
  else sendText(response, 404, text);
}
