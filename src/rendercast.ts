/** The whole server, started with one call and stopped with another. */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Broadcast } from "./broadcast.ts";
import { type Config, UsageError } from "./config.ts";
import { Directory } from "./directory.ts";
import { FfmpegVp8Encoder } from "./encoder/ffmpeg.ts";
import { cannotListen, listen, listenLocally } from "./listen.ts";
import { Metrics } from "./metrics.ts";
import { FullError, Seats } from "./seats.ts";
import { httpApp } from "./server.ts";
import { serveSignaling } from "./signaling/socket.ts";
import { blenderArguments } from "./source/blender/command.ts";
import { blenderProgram } from "./source/blender/program.ts";
import { BlenderProcess } from "./source/blender.ts";
import { folderSource } from "./source/folder.ts";
import { IngestSource } from "./source/ingest.ts";
import { patternSource } from "./source/pattern.ts";
import type { Source } from "./source/source.ts";
import { StandbySource } from "./source/standby.ts";
import { type Clock, systemClock } from "./timing.ts";
import type { MediaIo } from "./transport/io.ts";
import { Transport, type TransportOptions } from "./transport/transport.ts";
import { OfferError } from "./transport/viewer.ts";

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
  /** How media is sent, instead of the fastest way this machine has. */
  readonly io?: MediaIo;
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
  { clock = systemClock, playoutDelay = true, io, source = sourceOf(config, clock, log) }: Internals = {},
): Promise<Rendercast> {
  const address = config.host === "::" || config.host === "0.0.0.0" ? undefined : config.host;
  const transport = await openTransport(config, {
    clock,
    playoutDelay,
    io,
    log,
    host: address === "localhost" ? "127.0.0.1" : address,
  });
  const metrics = new Metrics(
    () => directory.all(),
    () => transport.counters(),
  );
  const seats = new Seats(config.maxViewers);
  const broadcastOf = (name: string, from: Source) =>
    new Broadcast({
      name,
      source: from,
      clock,
      metrics,
      seats,
      encoder: () => new FfmpegVp8Encoder(),
      audience: transport.audience(),
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

  const program = blenderProgram(config);
  // Blender has to prove itself where the server has no loopback address.
  const publishToken = config.publishToken ?? (program === undefined ? undefined : randomUUID());
  const ingest = config.folder === undefined ? newIngest() : undefined;
  const broadcast = broadcastOf(config.name, ingest ? new StandbySource(source, ingest) : source);
  directory.add({ broadcast, ingest, permanent: true });

  const serverOf = (local: boolean) => {
    const server = createServer(httpApp({ directory, metrics, clock, publishToken, local, log }));
    // A publisher's body goes on for days.
    server.requestTimeout = 0;
    return server;
  };
  const http = serverOf(false);
  const local = config.ingestSocket === undefined ? undefined : serverOf(true);
  const signaling = serveSignaling(http, { clock, log, refusal, find: (name) => directory.find(name) });
  let blender: BlenderProcess | undefined;
  const close = async () => {
    await Promise.all([blender?.close(), directory.close()]);
    const ended = signaling.close();
    for (const server of [http, local]) server?.closeAllConnections();
    local?.close();
    await ended;
    transport.close();
  };
  try {
    await listen(http, config.host, config.port);
    if (local && config.ingestSocket !== undefined) await listenLocally(local, config.ingestSocket);
    await broadcast.start().catch((error: Error) => {
      throw new UsageError(error.message, { cause: error });
    });
  } catch (error) {
    await close();
    throw error;
  }
  const bound = http.address();
  const port = typeof bound === "object" && bound ? bound.port : config.port;
  if (program !== undefined) {
    const host = address === undefined ? "127.0.0.1" : address;
    const server = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
    blender = new BlenderProcess({
      program,
      arguments: blenderArguments({ ...config, server, stream: config.name }),
      environment: publishToken === undefined ? {} : { RENDERCAST_PUBLISH_TOKEN: publishToken },
      clock,
      log,
    });
    blender.start();
  }
  return { port, broadcast, close };
}

/**
 * Unless told, viewers are met on the port above the page's, so that both can be let through a firewall together.
 * @throws {UsageError}
 */
async function openTransport(
  { port, rtcPort, host }: Config,
  options: Omit<TransportOptions, "port" | "anyPort">,
): Promise<Transport> {
  const near = port === 0 || port === 65_535 ? 0 : port + 1;
  const wanted = rtcPort ?? near;
  try {
    return await Transport.open({ ...options, port: wanted, anyPort: rtcPort === undefined });
  } catch (error) {
    throw new UsageError(cannotListen(error as NodeJS.ErrnoException, host, wanted, "--rtc-port"), {
      cause: error,
    });
  }
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
