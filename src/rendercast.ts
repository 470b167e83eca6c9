/** The whole server: joins all rooms, starts with one call and stops with another. */
import { randomUUID } from "node:crypto";
import { type Guard, guardOf } from "./access/guard.ts";
import { linksOf } from "./access/links.ts";
import { type Clock, systemClock } from "./base/clock.ts";
import { UsageError } from "./base/errors.ts";
import { countedLog, type Log, streamLog } from "./base/log.ts";
import { Broadcast } from "./broadcast/broadcast.ts";
import { Directory, type Entry } from "./broadcast/directory.ts";
import { Metrics } from "./broadcast/metrics.ts";
import { FullError, Seats } from "./broadcast/seats.ts";
import { Membership } from "./cluster/join.ts";
import { RemoteError } from "./cluster/remote-stream.ts";
import { Streams } from "./cluster/streams.ts";
import type { Config } from "./config/config.ts";
import type { findHardware } from "./encoder/ffmpeg/hardware.ts";
import { decoderCounts } from "./encoder/image/decoder-process.ts";
import { type Forwards, startForwards } from "./forward/forwards.ts";
import { httpApp } from "./http/app.ts";
import { endOf, type Tls, termOf, tlsOf } from "./http/tls.ts";
import { WebServers } from "./http/web-servers.ts";
import { WhepSessions } from "./http/whep/sessions.ts";
import { iceConfiguration } from "./network/ice-servers.ts";
import { signalingGuard } from "./signaling/guard.ts";
import { type Signaling, serveSignaling } from "./signaling/socket.ts";
import { startOwnBlender } from "./source/blender/own-blender.ts";
import type { BlenderProcess } from "./source/blender/process.ts";
import { blenderProgram } from "./source/blender/program.ts";
import { firstSource, ingestMaker } from "./source/first-source.ts";
import type { Source } from "./source/source.ts";
import { OfferError } from "./transport/audience/viewer.ts";
import type { MediaIo } from "./transport/io/io.ts";
import { openVideo, type Video } from "./video/open-video.ts";

/** A running server. */
export interface Rendercast {
  /** The TCP port in use. */
  readonly port: number;
  /** The UDP and TCP port of the video in use. */
  readonly videoPort: number;
  readonly broadcast: Broadcast;
  /** The host names of its certificate. */
  readonly names: readonly string[];
  /**
   * The stream of this name, made if there is none, with what takes its publishers.
   * @throws {DirectoryError} if the name cannot be published.
   */
  open(name: string): Promise<Pick<Entry, "broadcast" | "ingest">>;
  /**
   * Makes a link for viewers of the first stream, valid for a day; undefined if they need none.
   * @param server the origin that the link begins with.
   */
  link(server: string): Promise<string | undefined>;
  /** Refuses new viewers and reports that it is not ready; present viewers continue. */
  drain(): void;
  /** Stops everything: viewers, source, servers. */
  close(): Promise<void>;
}

/** What only tests and benches change. */
export interface Internals {
  readonly clock?: Clock;
  readonly playoutDelay?: boolean;
  /** How media is sent, instead of the fastest way that this machine has. */
  readonly io?: MediaIo;
  /** Tells what hardware there is, instead of looking for it. */
  readonly findHardware?: typeof findHardware;
  /** Replaces the source that the configuration names. */
  readonly source?: Source;
}

interface Context {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly tls: Tls | undefined;
}

/**
 * Starts serving.
 * @param print takes one line for people at a time.
 * @throws {UsageError} with a sentence for the user, if the configuration does not fit this machine.
 */
export async function startRendercast(
  config: Config,
  print: Log,
  internals: Internals = {},
): Promise<Rendercast> {
  const { clock = systemClock } = internals;
  const program = blenderProgram(config);
  const startsBlender = program !== undefined;
  const { log, counts: lines } = countedLog(print);
  const context = { config, clock, log, tls: tlsOf(config) };
  const video = await openVideo(config, context, internals);
  const local = openStreams(context, video, internals.source);
  const { broadcast, directory } = local;
  // The token identifies the own Blender, also if the server has no loopback address.
  const token = randomUUID();
  const guard = guardOf(config, { clock, own: startsBlender ? token : undefined, log });
  const membership = await Membership.open(config, { clock, guard, log });
  const readiness = { isReady: false };
  const web = openWeb(context, { ...local, guard, membership, readiness, startsBlender });
  const { servers, watchers } = web;
  let blender: BlenderProcess | undefined;
  let forwards: Forwards | undefined;
  const close = async () => {
    web.signaling.tellStop();
    membership.leave();
    // Blender ends before its stream: it would take the end of the stream for a refusal.
    await blender?.close();
    await Promise.all([forwards?.close(), directory.close()]);
    const ended = web.signaling.close();
    servers.close();
    await ended;
    membership.disconnect();
    await video.transport.close();
  };
  try {
    await servers.listen();
    await broadcast.start().catch((error: Error) => {
      throw new UsageError(error.message, { cause: error });
    });
    const {
      codecs,
      transport: { handshakes },
    } = video;
    const toStream = { clock, stream: broadcast, handshakes, log: streamLog(log, broadcast.name) };
    forwards = await startForwards({ ...config, codecs }, toStream);
  } catch (error) {
    await close();
    throw error;
  }
  const { port, blenderUrl, peerUrl: url, certifiedNames: names } = servers;
  const find = (name: string) => directory.find(name);
  membership.join({ ...watchers, url, find, own: () => directory.claimed() });
  if (startsBlender)
    blender = startOwnBlender(config, { program, server: blenderUrl, token, stream: broadcast, clock, log });
  const started = forwards;
  const { tls } = context;
  if (tls) {
    const hasExpired = endOf(tls.credentials) < clock.now();
    log(`The TLS certificate ${termOf(tls.credentials, clock)}.`, { level: hasExpired ? "error" : "info" });
  }
  local.metrics.addOperation({
    lines,
    redis: config.redis === undefined ? undefined : () => membership.state(),
    forwards: config.forward && (() => started.states()),
    certificateEnd: tls && (() => servers.certificateEnd ?? endOf(tls.credentials)),
  });
  readiness.isReady = true;
  video.lookForHardware();
  return {
    port,
    videoPort: video.transport.port,
    broadcast,
    names,
    async open(name) {
      web.streams.mayPublish(name);
      return directory.open(name);
    },
    async link(origin) {
      return guard.access.isOpen ? undefined : (await linksOf(guard.access, [origin], config.name, {})).link;
    },
    drain() {
      readiness.isReady = false;
      local.seats.close();
      local.followers.close();
    },
    close,
  };
}

interface LocalStreams {
  /** The first stream, which is always there. */
  readonly broadcast: Broadcast;
  readonly directory: Directory;
  readonly metrics: Metrics;
  readonly seats: Seats;
  readonly followers: Seats;
}

/** Makes the first stream, and what makes one for each further name that is published. */
function openStreams(
  { config, clock, log }: Context,
  { transport, make: encoder }: Video,
  given: Source | undefined,
): LocalStreams {
  const { maxViewers: total, maxViewersPerStream: perStream = total, maxPixels } = config;
  const limits = { total, perStream, perAddress: config.maxViewersPerAddress };
  const seats = new Seats(limits);
  const metrics = new Metrics(
    () => directory.all(),
    () => transport.counters(),
    decoderCounts,
  );
  const bitrate = config.bitrate === 0 ? undefined : config.bitrate * 1000;
  const broadcastOf = (name: string, source: Source) => {
    const about = streamLog(log, name);
    const audience = transport.audience(about);
    return new Broadcast({
      ...{ name, source, clock, metrics, seats, encoder, audience, bitrate, maxPixels, log: about },
    });
  };
  const newIngest = ingestMaker(config, { clock, log });
  const directory = new Directory(clock, config.maxStreams, async (name) => {
    const ingest = newIngest(name);
    const broadcast = broadcastOf(name, ingest);
    await broadcast.start();
    return { broadcast, ingest, permanent: false };
  });
  const { source, ingest } = firstSource(config, newIngest, { clock, log, given });
  const broadcast = broadcastOf(config.name, source);
  directory.add({ broadcast, ingest, permanent: true });
  return { broadcast, directory, metrics, seats, followers: new Seats(limits, "followers") };
}

/** Makes the HTTP servers with their routes and signaling; they do not listen yet. */
function openWeb(
  { config, clock, log, tls }: Context,
  options: LocalStreams & {
    readonly guard: Guard;
    readonly membership: Membership;
    readonly readiness: { readonly isReady: boolean };
    readonly startsBlender: boolean;
  },
) {
  const { guard, membership, readiness, startsBlender, directory, metrics, followers } = options;
  const streams = new Streams(directory, () => membership.cluster);
  const { embedFrom = [] } = config;
  const ice = iceConfiguration(config, clock);
  const watchers = { clock, log, refusal, ice, find: (name: string) => streams.find(name) };
  const whep = new WhepSessions({ ...watchers, find: (name) => directory.find(name) });
  const app = (local: boolean) =>
    httpApp({
      ...{ directory, streams, metrics, clock, guard, followers, whep, embedFrom, local, log },
      control: config.control,
      passedOn: membership.passedOn,
      isReady: () => readiness.isReady,
      alone: () =>
        membership.isCutOff ? " Redis does not answer: this server shows only its own streams." : undefined,
      reachable: () => servers.reachableHosts(),
      secure: tls !== undefined,
    });
  const servers = new WebServers(config, { tls, app, startsBlender, clock, log });
  const signaling: Signaling = serveSignaling(servers.main, {
    ...watchers,
    guard: signalingGuard(guard, embedFrom),
  });
  servers.limit(guard.proxies, (address) => membership.cluster?.isAt(address) ?? false);
  return { servers, signaling, streams, watchers };
}

/** The answer to a viewer for an error; undefined for the server's own faults. */
function refusal(error: unknown) {
  if (error instanceof OfferError || error instanceof RemoteError)
    return { code: error.code, message: error.message };
  if (error instanceof FullError) return { code: "full", message: error.message } as const;
  return undefined;
}
