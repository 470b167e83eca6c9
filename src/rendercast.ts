/** The whole server, started with one call and stopped with another. */
import { chmodSync, rmSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { Broadcast } from "./broadcast.ts";
import { type Config, UsageError } from "./config.ts";
import { Directory } from "./directory.ts";
import { FfmpegVp8Encoder } from "./encoder/ffmpeg.ts";
import { Metrics } from "./metrics.ts";
import { FullError, Seats } from "./seats.ts";
import { httpApp } from "./server.ts";
import { serveSignaling } from "./signaling/socket.ts";
import { folderSource } from "./source/folder.ts";
import { IngestSource } from "./source/ingest.ts";
import { patternSource } from "./source/pattern.ts";
import type { Source } from "./source/source.ts";
import { StandbySource } from "./source/standby.ts";
import { type Clock, systemClock } from "./timing.ts";
import { OfferError } from "./transport/viewer.ts";
import { answerOffer, prepareWerift } from "./transport/werift.ts";

export interface Rendercast {
  /** The TCP port in use. */
  readonly port: number;
  readonly broadcast: Broadcast;
  /** Ends everything: viewers, source, server. */
  close(): Promise<void>;
}

/** What only tests and benches change. */
export interface Internals {
  readonly clock?: Clock;
  readonly playoutDelay?: boolean;
  /** Instead of the source that the configuration names. */
  readonly source?: Source;
}

/**
 * Starts serving.
 * @param log takes one line for people at a time.
 * @throws {UsageError} with a sentence for the user, where the configuration does not fit this machine.
 */
export async function startRendercast(
  config: Config,
  log: (line: string) => void,
  { clock = systemClock, playoutDelay = true, source = sourceOf(config, clock, log) }: Internals = {},
): Promise<Rendercast> {
  prepareWerift();
  const address = config.host === "::" || config.host === "0.0.0.0" ? undefined : config.host;
  const peerOptions = { clock, playoutDelay, address: address === "localhost" ? "127.0.0.1" : address };
  const metrics = new Metrics(() => directory.all());
  const seats = new Seats(config.maxViewers);
  const broadcastOf = (name: string, from: Source) =>
    new Broadcast({
      name,
      source: from,
      clock,
      metrics,
      seats,
      encoder: () => new FfmpegVp8Encoder(),
      answerOffer: (offer, events) => answerOffer(offer, peerOptions, events),
      bitrate: config.bitrate === 0 ? undefined : config.bitrate * 1000,
      maxPixels: config.maxPixels,
      log,
    });
  const newIngest = () => {
    const { maxFrameBytes: maxBytes, maxPixels, stallAfter } = config;
    return new IngestSource({ maxBytes, maxPixels, stallAfter, clock });
  };
  const directory = new Directory(clock, config.maxStreams, async (name) => {
    const ingest = newIngest();
    const broadcast = broadcastOf(name, ingest);
    await broadcast.start();
    return { broadcast, ingest, permanent: false };
  });

  const ingest = config.folder === undefined ? newIngest() : undefined;
  const broadcast = broadcastOf(config.name, ingest ? new StandbySource(source, ingest) : source);
  directory.add({ broadcast, ingest, permanent: true });

  const app = httpApp({ directory, metrics, clock, publishToken: config.publishToken, log });
  const http = createServer(app);
  // A publisher's body goes on for days.
  http.requestTimeout = 0;
  const local = config.ingestSocket === undefined ? undefined : createServer(app);
  const signaling = serveSignaling(http, { clock, log, refusal, find: (name) => directory.find(name) });
  const close = async () => {
    await directory.close();
    const ended = signaling.close();
    for (const server of [http, local]) server?.closeAllConnections();
    local?.close();
    await ended;
  };
  try {
    await listen(http, config);
    if (local && config.ingestSocket !== undefined) await listenLocally(local, config.ingestSocket);
    await broadcast.start().catch((error: Error) => {
      throw new UsageError(error.message, { cause: error });
    });
  } catch (error) {
    await close();
    throw error;
  }
  const bound = http.address();
  return { port: typeof bound === "object" && bound ? bound.port : config.port, broadcast, close };
}

function sourceOf(config: Config, clock: Clock, log: (line: string) => void): Source {
  if (config.folder === undefined) {
    const { size, fps } = config;
    return patternSource({ ...size, fps, clock });
  }
  const { folder, picture, written, running, stallAfter, maxFrameBytes } = config;
  return folderSource({ folder, picture, written, running, stallAfter, maxBytes: maxFrameBytes, clock, log });
}

function refusal(error: unknown) {
  if (error instanceof OfferError) return { code: error.code, message: error.message };
  if (error instanceof FullError) return { code: "full", message: error.message } as const;
  return undefined;
}

function listen(http: Server, { port, host }: Config): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once("error", (error: NodeJS.ErrnoException) =>
      reject(new UsageError(cannotListen(error, host, port))),
    );
    http.listen(port, host, resolve);
  });
}

async function listenLocally(local: Server, path: string): Promise<void> {
  // One that a killed server left behind would keep this one out.
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() && !(await answers(path))) rmSync(path);
  await new Promise<void>((resolve, reject) => {
    local.once("error", ({ code, message }: NodeJS.ErrnoException) => {
      const why = code === "EADDRINUSE" ? "something is there already" : message;
      reject(new UsageError(`Cannot make the socket ${path}: ${why}. Choose another path.`));
    });
    local.listen(path, resolve);
  });
  chmodSync(path, 0o600);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

function cannotListen({ code, message }: NodeJS.ErrnoException, host: string, port: number): string {
  switch (code) {
    case "EADDRINUSE":
      return `Port ${port} is in use: choose another with --port ${port + 1}, or stop what uses it.`;
    case "EACCES":
      return `Port ${port} needs more rights than this user has: choose one above 1023 with --port 8080.`;
    case "EADDRNOTAVAIL":
      return `${host} is not an address of this machine: leave --host out to listen on all of them.`;
    default:
      return `Cannot listen on ${host} port ${port}: ${message}.`;
  }
}
