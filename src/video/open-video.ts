/** Finds the encoders of a server, and opens its port for media. */
import type { Clock, Millis } from "../base/clock.ts";
import { UsageError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Config } from "../config/config.ts";
import { type Encoders, findEncoders, NO_AV1 } from "../encoder/encoders.ts";
import type { findHardware } from "../encoder/ffmpeg/hardware.ts";
import { cannotListen } from "../http/listen.ts";
import { type AnnouncedAddress, resolveAnnounced } from "../network/announce.ts";
import { isTurnUrl, turnCredentials } from "../network/ice-servers.ts";
import type { MediaIo } from "../transport/io/io.ts";
import { Transport, type TransportOptions } from "../transport/transport.ts";

/** Lifetime of this server's own TURN credentials: not every TURN server lets an allocation outlive them. */
const OWN_TURN_CREDENTIALS: Millis = 24 * 3_600_000;

/** The encoders and the port of a server. */
export type Video = Encoders & { readonly transport: Transport };

/**
 * Finds the encoders, and opens the port for media.
 * @throws {UsageError} if no codec is left, an announced name cannot be resolved, or the port is not available.
 */
export async function openVideo(
  config: Config,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  {
    playoutDelay = true,
    io,
    findHardware: find,
  }: {
    readonly playoutDelay?: boolean;
    readonly io?: MediaIo;
    readonly findHardware?: typeof findHardware;
  },
): Promise<Video> {
  const { rtcHost = config.host } = config;
  const encoders = await findEncoders(config.codecs, log, clock, find);
  const { codecs } = encoders;
  if (codecs.length === 0) throw new UsageError(NO_AV1);
  const transport = await openTransport(config, {
    ...{ clock, playoutDelay, io, codecs, log },
    workers: config.workers,
    announced: await announcedAddresses(config),
    relay: relayOf(config, clock, log),
    host: rtcHost === "::" ? undefined : rtcHost === "localhost" ? "127.0.0.1" : rtcHost,
  });
  return { ...encoders, transport };
}

/** The TURN servers relay for this server as they do for viewers; undefined without any. */
function relayOf(config: Config, clock: Clock, log: Log): TransportOptions["relay"] {
  const { iceServers: servers = [] } = config;
  if (!servers.some(isTurnUrl)) return undefined;
  return { servers, log, credentials: () => turnCredentials(config, clock.now(), OWN_TURN_CREDENTIALS) };
}

/** @throws {UsageError} if a name cannot be resolved. */
async function announcedAddresses({ announce = [] }: Config): Promise<AnnouncedAddress[]> {
  return resolveAnnounced(announce).catch((error: Error) => {
    throw new UsageError(error.message, { cause: error });
  });
}

/**
 * By default media uses the port above the page's, so that one firewall rule covers both.
 * @throws {UsageError} if the port is not available.
 */
async function openTransport(
  { port, rtcPort, host, rtcHost = host }: Config,
  options: Omit<TransportOptions, "port" | "anyPort">,
): Promise<Transport> {
  const near = port === 0 || port === 65_535 ? 0 : port + 1;
  const wanted = rtcPort ?? near;
  try {
    const transport = await Transport.open({ ...options, port: wanted, anyPort: rtcPort === undefined });
    if (wanted !== 0 && transport.port !== wanted)
      options.log(
        `Port ${wanted} is in use, so the video uses port ${transport.port}: open that one in the firewall, or choose one with --rtc-port.`,
        { level: "warn" },
      );
    return transport;
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException;
    // The page's port, which the user chose, is reserved too.
    const [refused, flag] =
      error.code === "EACCES" && rtcPort === undefined ? [port, "--port"] : [wanted, "--rtc-port"];
    throw new UsageError(cannotListen(error, rtcHost, refused, flag), { cause });
  }
}
