/** Publishing over HTTP: `POST /streams/NAME` with a multipart body that stays open. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Express } from "express";
import { type Proxies, senderOf } from "../access/proxies.ts";
import { releaseMemory } from "../base/memory.ts";
import type { Directory } from "../broadcast/directory.ts";
import type { Streams } from "../cluster/streams.ts";
import { isLoopback } from "../network/ip.ts";
import type { IngestSource } from "../source/ingest/ingest.ts";
import { mediaType } from "../source/ingest/part.ts";
import { refuseUpload } from "./answers.ts";
import type { Permissions } from "./permissions.ts";
import { liftLimit } from "./request-timeout.ts";

/** The request's content type cannot be published. The message names one that can. */
export class NotMultipartError extends Error {}

/** What the publish route needs. */
export interface PublishNeeds {
  readonly permissions: Permissions;
  readonly proxies: Proxies;
  readonly directory: Directory;
  /** This server's streams, and those of joined servers. */
  readonly streams: Streams;
  /** Whether the app serves the Unix socket, which only programs on this machine reach. */
  readonly local: boolean;
}

/** Adds the publish route. */
export function addPublishRoute(app: Express, needs: PublishNeeds): void {
  const { permissions, proxies, directory, streams, local } = needs;
  app.post("/streams/:name", permissions.may("publish"), async (request, response) => {
    // Refuses other content types before the directory makes a stream.
    boundaryOf(request.headers["content-type"]);
    const { by } = response.locals.verdict;
    const own = by === "own";
    const address = proxies.clientOf(senderOf(request));
    streams.mayPublish(request.params.name);
    const source = await directory.ingestOf(request.params.name);
    publishOverHttp(request, response, source, {
      address,
      own,
      takeover: "takeover" in request.query && (own || by === "token"),
      sameClock: local || isLoopback(address),
    });
  });
}

/** A publisher, and what it may do. */
interface Publishing {
  /** The publisher's IP address; undefined over the Unix socket. */
  readonly address: string | undefined;
  /** Whether the new publisher replaces the present one. */
  readonly takeover: boolean;
  /** Whether the publisher's timestamps are of this machine's clock. */
  readonly sameClock: boolean;
  /** Whether it is the Blender that this server started. */
  readonly own?: boolean;
}

/**
 * Feeds the request's body to the source, and answers when the publisher ends or is dropped.
 * @throws {NotMultipartError} or {TakenError} (the stream has another publisher) before any of the body is read.
 */
export function publishOverHttp(
  request: IncomingMessage,
  response: ServerResponse,
  source: IngestSource,
  { address = "the local socket", takeover, sameClock, own = false }: Publishing,
): void {
  const boundary = boundaryOf(request.headers["content-type"]);
  const label = sameClock ? "publisher on this machine" : "publisher in the network";
  const dropped = (status: number, message: string) => refuseUpload(request, response, status, message);
  const feed = source.publish({ label, address, own, boundary, sameClock, dropped }, takeover);
  liftLimit(request);
  request.socket.setNoDelay(true);
  request.on("data", (chunk: Buffer) => {
    feed.push(chunk);
    const working = feed.working();
    if (!working) return releaseMemory(chunk);
    request.pause();
    void working.then(() => {
      releaseMemory(chunk);
      request.resume();
    });
  });
  const ended = () => {
    if (response.headersSent) return;
    if (feed.end()) response.writeHead(204, { Connection: "close" }).end();
    else refuseUpload(request, response, 400, "The body ended inside a part, or has no parts.");
  };
  request.on("end", () => {
    // A body that arrived before this listener ends while its parts are still processed, paused or not.
    const working = feed.working();
    if (working !== undefined) void working.then(ended);
    else ended();
  });
  request.on("error", () => feed.lost());
  request.on("close", () => feed.lost());
}

/** Content types of curl and ffmpeg that say nothing about the body. Its first line has the boundary. */
const GENERIC_TYPES = ["", "application/octet-stream", "application/x-www-form-urlencoded"];

/**
 * The boundary between the body's parts; undefined if the content type does not name it.
 * @throws {NotMultipartError}
 */
function boundaryOf(contentType = ""): string | undefined {
  const { type, parameters } = mediaType(contentType);
  const boundary = parameters.get("boundary");
  if (type === "multipart/form-data") {
    const message = "Publish as multipart/x-mixed-replace; boundary=..., not as a form (curl: -T, not -F).";
    throw new NotMultipartError(message);
  }
  if (type.startsWith("multipart/")) return boundary === "" ? undefined : boundary;
  if (GENERIC_TYPES.includes(type)) return undefined;
  throw new NotMultipartError(`Publish as multipart/x-mixed-replace; boundary=..., not as ${type}.`);
}
