/** The whole server, started with one call and stopped with another. */

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { availableParallelism } from "node:os";
import { basename } from "node:path";
import { limitConnections } from "./access/floods.ts";
import { guardOf } from "./access/guard.ts";
import type { LinkSigner } from "./access/link-signer.ts";
import { linksOf } from "./access/links.ts";
import { type Clock, type Millis, systemClock } from "./base/clock.ts";
import { UsageError } from "./base/errors.ts";
import type { Log } from "./base/log.ts";
import { Broadcast } from "./broadcast/broadcast.ts";
import { Directory } from "./broadcast/directory.ts";
import { Metrics } from "./broadcast/metrics.ts";
import { FullError, Seats } from "./broadcast/seats.ts";
import { Cluster } from "./cluster/cluster.ts";
import { PassedOn } from "./cluster/passed-on.ts";
import type { RedisLink } from "./cluster/redis.ts";
import { RemoteError } from "./cluster/remote-stream.ts";
import { SharedLinks } from "./cluster/shared-links.ts";
import { Streams } from "./cluster/streams.ts";
import type { Config } from "./config/config.ts";
import { findEncoders, NO_AV1 } from "./encoder/encoders.ts";
import type { findHardware } from "./encoder/ffmpeg/hardware.ts";
import { decoderCounts } from "./encoder/image/decoder-process.ts";
import { type Forwards, startForwards } from "./forward/forwards.ts";
import { httpApp } from "./http/app.ts";
import { handleInTurn } from "./http/in-turn.ts";
import { cannotListen, listen, listenLocally, newWebServer, portOf } from "./http/listen.ts";
import { limitRequests } from "./http/request-timeout.ts";
import { namesOf, termOf, tlsOf } from "./http/tls.ts";
import { WhepSessions } from "./http/whep/sessions.ts";
import { type AnnouncedAddress, resolveAnnounced } from "./network/announce.ts";
import { iceConfiguration, isTurnUrl, turnCredentials } from "./network/ice-servers.ts";
import { lanAddresses, originOf } from "./network/machine-addresses.ts";
import { hostPort } from "./shared/host-port.ts";
import { signalingGuard } from "./signaling/guard.ts";
import { serveSignaling } from "./signaling/socket.ts";
import { blenderArguments } from "./source/blender/command.ts";
import { BlenderProcess } from "./source/blender/process.ts";
import { blenderProgram } from "./source/blender/program.ts";
import { withoutFolders } from "./source/blender/words.ts";
import { folderSource } from "./source/folder/folder.ts";
import { type IngestOptions, IngestSource } from "./source/ingest/ingest.ts";
import { publisherLog } from "./source/ingest/publisher-log.ts";
import { patternSource } from "./source/pattern/pattern.ts";
import type { Source } from "./source/source.ts";
import { StandbySource } from "./source/standby.ts";
import { OfferError } from "./transport/audience/viewer.ts";
import type { MediaIo } from "./transport/io/io.ts";
import { Transport, type TransportOptions } from "./transport/transport.ts";

export interface Rendercast {
  /** The TCP port in use. */
  readonly port: number;
  readonly broadcast: Broadcast;
  /** The host names that its certificate is for. */
  readonly names: readonly string[];
  /**
   * A link for viewers to the first stream, good for a day; undefined where they need none.
   * @param server its origin.
   */
  link(server: string): Promise<string | undefined>;
  /** Takes no viewers any more, and says that it is not ready; those that watch go on. */
  drain(): void;
  /** Ends everything: viewers, source, server. */
  close(): Promise<void>;
}

/** How long its own TURN credentials last: not every TURN server goes on with an allocation whose have ended. */
const SERVER_CREDENTIALS: Millis = 24 * 3_600_000;

/** The start does not wait longer for Redis. */
const REDIS_ANSWERS_WITHIN: Millis = 2000;

/** What only tests and benches change. */
export interface Internals {
  readonly clock?: Clock;
  readonly playoutDelay?: boolean;
  /** How media is sent, instead of the fastest way this machine has. */
  readonly io?: MediaIo;
  /** Tells what hardware there is, without a look. */
  readonly findHardware?: typeof findHardware;
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
  log: Log,
  { clock = systemClock, playoutDelay = true, io, source: given, findHardware: find }: Internals = {},
): Promise<Rendercast> {
  const program = blenderProgram(config);
  const tls = tlsOf(config);
  const { rtcHost = config.host } = config;
  const { codecs, make: encoder, lookForHardware } = await findEncoders(config.codecs, log, clock, find);
  if (codecs.length === 0) throw new UsageError(NO_AV1);
  const transport = await openTransport(config, {
    clock,
    playoutDelay,
    io,
    codecs,
    workers: config.workers ?? spareCores(),
    log,
    announced: await announcedAddresses(config),
    relay: relayOf(config, clock, log),
    host: rtcHost === "::" ? undefined : rtcHost === "localhost" ? "127.0.0.1" : rtcHost,
  });
  const metrics = new Metrics(
    () => directory.all(),
    () => transport.counters(),
    decoderCounts,
  );
  const { maxViewers: total, maxViewersPerStream: perStream = total } = config;
  const limits = { total, perStream, perAddress: config.maxViewersPerAddress };
  const seats = new Seats(limits);
  const followers = new Seats(limits, "followers");
  const broadcastOf = (name: string, from: Source) =>
    new Broadcast({
      name,
      source: from,
      clock,
      metrics,
      seats,
      encoder,
      audience: transport.audience(),
      bitrate: config.bitrate === 0 ? undefined : config.bitrate * 1000,
      maxPixels: config.maxPixels,
      log,
    });
  const tell = publisherLog(clock, log);
  const newIngest = (name: string, own?: IngestOptions["own"]) => {
    const { maxFrameBytes: maxBytes, maxPixels, stallAfter } = config;
    const tellOf = (line: string) => tell(`${name}: ${line}`);
    return new IngestSource({ maxBytes, maxPixels, stallAfter, clock, log: tellOf, ...(own && { own }) });
  };
  const directory = new Directory(clock, config.maxStreams, async (name) => {
    const ingest = newIngest(name);
    const broadcast = broadcastOf(name, ingest);
    await broadcast.start();
    return { broadcast, ingest, permanent: false };
  });

  // By its own token the Blender started here is known, also where the server has no loopback address.
  const own = program === undefined ? undefined : randomUUID();
  const guard = guardOf(config, { clock, own, log });
  const { source, ingest } = sourceOf(config, newIngest, { clock, log, given });
  const broadcast = broadcastOf(config.name, source);
  directory.add({ broadcast, ingest, permanent: true });

  let cluster: Cluster | undefined;
  const streams = new Streams(directory, () => cluster);
  const { embedFrom = [] } = config;
  const ice = iceConfiguration(config, clock);
  const watchers = { clock, log, refusal, ice, find: (name: string) => streams.find(name) };
  const whep = new WhepSessions({ ...watchers, find: (name) => directory.find(name) });
  const secure = tls !== undefined;
  const everywhere = config.host === "::" || config.host === "0.0.0.0";
  const reachable = () => [
    ...(tls ? namesOf(tls.credentials) : []),
    ...(config.announce ?? []).map(({ host }) => host),
    ...(everywhere ? lanAddresses() : []),
  ];
  const redis =
    config.redis === undefined
      ? undefined
      : (await import("./cluster/redis.ts")).openRedis(config.redis, log);
  const self = randomUUID();
  const passedOn = new PassedOn({
    self,
    clock,
    believe: (headers, vouched) => guard.proxies.believe(headers, vouched),
  });
  const sharedLinks = redis && (await joinLinks(guard.links, redis, clock, config.revokeLinks));
  let isReady = false;
  const appOf = (local: boolean) =>
    httpApp({
      isReady: () => isReady,
      alone: () =>
        redis?.connected === false ? " Redis does not answer: it shows its own streams alone." : undefined,
      directory,
      streams,
      passedOn,
      metrics,
      clock,
      guard,
      followers,
      whep,
      embedFrom,
      reachable,
      secure,
      local,
      log,
    });
  const { server: http, stopRenewals } = newWebServer(tls, appOf(false), { clock, log });
  const local = config.ingestSocket === undefined ? undefined : createServer(appOf(true));
  // Names in a certificate are of the network: to the Blender started here the server speaks without one.
  const door = secure && program !== undefined ? createServer(appOf(false)) : undefined;
  const signaling = serveSignaling(http, {
    ...watchers,
    guard: signalingGuard(guard, embedFrom),
    adapter: redis?.adapter,
  });
  for (const server of [http, local, door]) {
    if (!server) continue;
    handleInTurn(server);
    limitRequests(server, clock);
  }
  limitConnections(http, guard.proxies, (address) => cluster?.isAt(address) ?? false);
  let blender: BlenderProcess | undefined;
  let forwards: Forwards | undefined;
  const close = async () => {
    signaling.tellStop();
    cluster?.close();
    sharedLinks?.close();
    // Before its stream, whose end it would take for a refusal.
    await blender?.close();
    await Promise.all([forwards?.close(), directory.close()]);
    const ended = signaling.close();
    stopRenewals();
    for (const server of [http, local, door]) server?.closeAllConnections();
    for (const server of [local, door]) server?.close();
    await ended;
    await redis?.close();
    await transport.close();
  };
  try {
    await listen(http, config.host, config.port);
    if (door) await listen(door, "127.0.0.1", 0);
    if (local && config.ingestSocket !== undefined) await listenLocally(local, config.ingestSocket);
    await broadcast.start().catch((error: Error) => {
      throw new UsageError(error.message, { cause: error });
    });
    const { handshakes } = transport;
    forwards = await startForwards({ ...config, codecs }, { clock, stream: broadcast, handshakes, log });
  } catch (error) {
    await close();
    throw error;
  }
  const port = portOf(http);
  if (redis) {
    cluster = new Cluster({
      ...watchers,
      self,
      key: passedOn.key,
      url: originOf(
        (everywhere ? lanAddresses()[0] : undefined) ?? (everywhere ? "127.0.0.1" : config.host),
        port,
        false,
      ),
      find: (name) => directory.find(name),
      own: () => directory.claimed(),
      wire: {
        get connected() {
          return redis.connected;
        },
        send: (message) => signaling.tellServers(message),
        listen: (hear) => signaling.onServers(hear),
      },
    });
  }
  if (program !== undefined) {
    const host = everywhere || door ? "127.0.0.1" : config.host;
    const waits = () => broadcast.info().state.kind === "waiting";
    const tellViewers = (sentence: string | undefined) => {
      broadcast.problem(sentence && withoutFolders(sentence, [program, config.scene, config.script]));
      // By then it is not starting any more.
      if (sentence !== undefined && waits()) broadcast.state({ kind: "waiting" });
    };
    const server = `http://${hostPort(host, door ? portOf(door) : port)}`;
    blender = new BlenderProcess({
      program,
      arguments: blenderArguments({ ...config, server, stream: config.name }),
      environment: own === undefined ? {} : { RENDERCAST_PUBLISH_TOKEN: own },
      clock,
      log,
      problem: tellViewers,
      ended: () => {
        if (waits()) tellViewers("Blender has ended without a picture.");
      },
    });
    blender.start();
  }
  if (tls) log(`The TLS certificate ${termOf(tls.credentials, clock)}.`);
  const link = async (server: string) =>
    guard.access.isOpen ? undefined : (await linksOf(guard.access, [server], config.name, {})).link;
  isReady = true;
  lookForHardware();
  const drain = () => {
    isReady = false;
    seats.close();
    followers.close();
  };
  return { port, broadcast, drain, names: tls ? namesOf(tls.credentials) : [], link, close };
}

/** Redis may be away: then links of before are taken again once it answers. */
async function joinLinks(
  links: LinkSigner,
  redis: RedisLink,
  clock: Clock,
  revokes: boolean,
): Promise<SharedLinks> {
  const shared = new SharedLinks(links, redis.links, clock);
  const soon = new Promise<void>((resolve) => clock.after(REDIS_ANSWERS_WITHIN, resolve));
  await Promise.race([redis.ready, soon]);
  await (revokes ? links.revokeAll() : shared.look());
  return shared;
}

/** The TURN servers relay for this server as they do for viewers. */
function relayOf(config: Config, clock: Clock, log: (line: string) => void): TransportOptions["relay"] {
  const { iceServers: servers = [] } = config;
  if (!servers.some(isTurnUrl)) return undefined;
  return { servers, log, credentials: () => turnCredentials(config, clock.now(), SERVER_CREDENTIALS) };
}

/** @throws {UsageError} */
async function announcedAddresses({ announce = [] }: Config): Promise<AnnouncedAddress[]> {
  return resolveAnnounced(announce).catch((error: Error) => {
    throw new UsageError(error.message, { cause: error });
  });
}

/**
 * Unless told, viewers are met on the port above the page's, so that both can be let through a firewall together.
 * @throws {UsageError}
 */
async function openTransport(
  { port, rtcPort, host, rtcHost = host }: Config,
  options: Omit<TransportOptions, "port" | "anyPort">,
): Promise<Transport> {
  const near = port === 0 || port === 65_535 ? 0 : port + 1;
  const wanted = rtcPort ?? near;
  try {
    return await Transport.open({ ...options, port: wanted, anyPort: rtcPort === undefined });
  } catch (error) {
    throw new UsageError(cannotListen(error as NodeJS.ErrnoException, rtcHost, wanted, "--rtc-port"), {
      cause: error,
    });
  }
}

/**
 * Where the pictures come from, and where publishers go.
 * @param given instead of what the configuration names.
 */
function sourceOf(
  config: Config,
  newIngest: (name: string, own?: IngestOptions["own"]) => IngestSource,
  { clock, log, given }: { clock: Clock; log: (line: string) => void; given: Source | undefined },
): { readonly source: Source; readonly ingest: IngestSource | undefined } {
  const { folder, picture, written, running, stallAfter, maxFrameBytes: maxBytes } = config;
  if (folder !== undefined) {
    const files = { folder, picture, written, running };
    return {
      source: given ?? folderSource({ ...files, stallAfter, maxBytes, clock, log }),
      ingest: undefined,
    };
  }
  const { name, scene, script, size, fps } = config;
  const own = scene ?? script;
  if (own !== undefined) {
    // Whoever asks for a scene of their own is not shown another until that comes.
    const ingest = newIngest(name, { label: basename(own), waiting: "Blender is starting" });
    return { source: ingest, ingest };
  }
  const ingest = newIngest(name);
  return { source: new StandbySource(given ?? patternSource({ ...size, fps, clock }), ingest), ingest };
}

/** Cores beyond the two that this thread and the encoder have in use: with fewer a further thread slowed sending. */
function spareCores(): number {
  return Math.max(0, availableParallelism() - 2);
}

function refusal(error: unknown) {
  if (error instanceof OfferError) return { code: error.code, message: error.message };
  if (error instanceof RemoteError) return { code: error.code, message: error.message };
  if (error instanceof FullError) return { code: "full", message: error.message } as const;
  return undefined;
}
