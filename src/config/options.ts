/**
 * The table of options: flag, default, unit and check of each. The environment variables, the help and docs/options.md
 * are derived from it. To add an option, add an entry here and run `npm run write-options`.
 *
 * This file is long because a table is easier to read in one piece.
 */
// biome-ignore-all lint/style/noExcessiveLinesPerFile: one table, without logic
import { z } from "zod";
import { LOG_LEVELS } from "../base/log.ts";
import { STREAM_NAME, STREAM_NAME_RULE } from "../base/stream-name.ts";
import {
  announcements,
  codecList,
  fileName,
  forwardTargets,
  hostNames,
  iceServers,
  ipAddress,
  ipOrLocalhost,
  keysUrl,
  networks,
  nonEmpty,
  onOff,
  origins,
  redisUrl,
  seconds,
  secret,
  shortText,
  simulcastCount,
  size,
  turnUser,
  whole,
} from "./checks.ts";

/** One option. Its environment variable is {@link variableOf} its flag. */
export interface Option {
  /** Without the leading dashes. */
  readonly flag: string;
  /** Placeholder of the value in the help; a switch has none. */
  readonly value?: string;
  /** What the option does, as a phrase without a full stop. */
  readonly help: string;
  /** As written on the command line. If there is none, the help describes what happens without the option. */
  readonly default?: string;
  /** Whether error messages hide the value. Better passed as a variable, since others can read command lines. */
  readonly secret?: true;
  readonly check: z.ZodType;
}

const MIB = 1024 * 1024;

/** The `--jwt-audience` that accepts tokens for every audience. */
export const ANY_AUDIENCE = "any";

/** The options in groups, in the order of the help. */
export const OPTION_GROUPS = {
  "Page and network": {
    port: {
      flag: "port",
      value: "PORT",
      default: "8080",
      help: "TCP port of the page, signaling and MJPEG; 0 picks a free port",
      check: whole(0, 65535),
    },
    host: {
      flag: "host",
      value: "ADDRESS",
      default: "::",
      help: "address to listen on: :: for every address of this machine, 127.0.0.1 for this machine alone",
      check: ipOrLocalhost,
    },
    rtcPort: {
      flag: "rtc-port",
      value: "PORT",
      help: "UDP and TCP port of the video; 0 picks a free port; default: the port above --port, if it is free",
      check: whole(0, 65535),
    },
    rtcHost: {
      flag: "rtc-host",
      value: "ADDRESS",
      help: "address to send and receive video on, if it is not --host (behind a reverse proxy, for example)",
      check: ipAddress,
    },
    announce: {
      flag: "announce",
      value: "ADDRESSES",
      help: "public addresses or hostnames for viewers behind NAT; add :PORT if it differs; separate several by commas",
      check: announcements,
    },
    iceServers: {
      flag: "ice-servers",
      value: "URLS",
      help: "STUN and TURN servers for viewers, separated by commas: stun:HOST, turn:HOST, turn:HOST?transport=tcp, turns:HOST",
      check: iceServers,
    },
    turnSecret: {
      flag: "turn-secret",
      value: "SECRET",
      secret: true,
      help: "secret shared with the TURN servers (use-auth-secret in coturn); each viewer gets temporary credentials made from it",
      check: nonEmpty("the secret of the TURN servers").max(256, "at most 256 characters"),
    },
    turnUser: {
      flag: "turn-user",
      value: "NAME:PASSWORD",
      secret: true,
      help: "fixed credentials for TURN servers without a shared secret; every viewer can read them",
      check: turnUser,
    },
    relayOnly: {
      flag: "relay-only",
      default: "false",
      help: "make viewers connect through the TURN servers only",
      check: onOff,
    },
    tlsCert: {
      flag: "tls-cert",
      value: "FILE",
      help: "serve HTTPS with this certificate chain (PEM); the server reloads the file when it changes",
      check: nonEmpty("a file"),
    },
    tlsKey: {
      flag: "tls-key",
      value: "FILE",
      help: "private key of the certificate (PEM)",
      check: nonEmpty("a file"),
    },
    trustProxy: {
      flag: "trust-proxy",
      value: "LIST",
      help: "addresses or networks of reverse proxies; the server believes their X-Forwarded-For, -Proto and -Host headers",
      check: networks,
    },
    publicHost: {
      flag: "public-host",
      value: "NAMES",
      help: "additional host names under which browsers can open a server without tokens, such as render.example.com, *.example.com, or * for all",
      check: hostNames,
    },
    embedFrom: {
      flag: "embed-from",
      value: "ORIGINS",
      help: "origins of other sites whose pages may show the streams, such as https://studio.example, or * for all",
      check: origins,
    },
  },
  Source: {
    name: {
      flag: "name",
      value: "NAME",
      default: "main",
      help: "name of the stream, as in /streams/NAME",
      check: z.string().regex(STREAM_NAME, STREAM_NAME_RULE),
    },
    folder: {
      flag: "folder",
      value: "DIR",
      help: "show the picture that a render loop writes to this folder",
      check: nonEmpty("a folder"),
    },
    picture: {
      flag: "picture",
      value: "FILE",
      default: "img.jpg",
      help: "name of the picture in the folder, a JPEG",
      check: fileName,
    },
    data: {
      flag: "data",
      value: "FILE",
      default: "img_data.json",
      help: "name of the file with a picture's data, a JSON object; the loop writes it before the picture",
      check: fileName,
    },
    written: {
      flag: "written",
      value: "FILE",
      default: "img_written.txt",
      help: "flag file in the folder: 0 while the loop writes the picture, 1 when the picture is complete",
      check: fileName,
    },
    running: {
      flag: "running",
      value: "FILE",
      default: "img_running.txt",
      help: "flag file in the folder: 1 while the loop runs, 0 after it has ended",
      check: fileName,
    },
    stallAfter: {
      flag: "stall-after",
      value: "SECONDS",
      default: "5",
      help: "seconds without a picture after which the source counts as stalled",
      check: seconds(1, 3600),
    },
    size: {
      flag: "size",
      value: "WxH",
      default: "480x270",
      help: "size of the picture in pixels, for Blender and the built-in scene",
      check: size,
    },
    fps: {
      flag: "fps",
      value: "N",
      default: "20",
      help: "frames per second, for Blender and the built-in scene",
      check: whole(1, 120),
    },
    control: {
      flag: "control",
      value: "WHAT",
      default: "off",
      help: "what viewers with the right to control may do, if the publisher allows it: off, or orbit to turn the camera",
      check: z.enum(["off", "orbit"], "off or orbit"),
    },
    ingestSocket: {
      flag: "ingest-socket",
      value: "PATH",
      help: "also accept publishers on this machine over a Unix socket at this path",
      check: nonEmpty("a path").max(107, "a path of at most 107 characters"),
    },
  },
  Blender: {
    scene: {
      flag: "scene",
      value: "FILE",
      help: "start Blender in the background with this .blend file; you can leave out --scene",
      check: z.string().endsWith(".blend", "a .blend file"),
    },
    script: {
      flag: "script",
      value: "FILE",
      help: "start Blender with this Python script, which can build the scene and publish data",
      check: z.string().endsWith(".py", "a .py file"),
    },
    trustScripts: {
      flag: "trust-scripts",
      default: "false",
      help: "let Blender run the scripts inside the .blend file, as this user; only for files that you trust",
      check: onOff,
    },
    blender: {
      flag: "blender",
      value: "PATH",
      help: "the Blender program; default: searched on the PATH and in the usual places",
      check: nonEmpty("a path"),
    },
    camera: {
      flag: "camera",
      value: "NAME",
      help: "camera to render; default: the active camera of the scene",
      check: nonEmpty("a camera's name"),
    },
    engine: {
      flag: "engine",
      value: "ENGINE",
      default: "workbench",
      help: "render engine: workbench, eevee, cycles, or scene for the engine that the scene sets",
      check: z.enum(["workbench", "eevee", "cycles", "scene"], "workbench, eevee, cycles or scene"),
    },
    animate: {
      flag: "animate",
      value: "HOW",
      default: "loop",
      help: "how to play the animation of the scene: loop, once or off",
      check: z.enum(["loop", "once", "off"], "loop, once or off"),
    },
    turn: {
      flag: "turn",
      value: "OBJECT",
      help: "name of an object to rotate, active for the active object, or none",
      check: nonEmpty("an object's name"),
    },
  },
  Access: {
    publishToken: {
      flag: "publish-token",
      value: "SECRET",
      secret: true,
      help: "require this token to publish, as 'Authorization: Bearer SECRET'",
      check: secret(8, 256),
    },
    viewToken: {
      flag: "view-token",
      value: "SECRET",
      secret: true,
      help: "require this token, or a share link, to watch; default: anyone can watch",
      check: secret(8, 256),
    },
    operateToken: {
      flag: "operate-token",
      value: "SECRET",
      secret: true,
      help: "token that allows reading /metrics, listing viewers, and making and revoking links",
      check: secret(8, 256),
    },
    controlToken: {
      flag: "control-token",
      value: "SECRET",
      secret: true,
      help: "token that allows turning the camera, and watching; needs --control",
      check: secret(8, 256),
    },
    trustThisMachine: {
      flag: "trust-this-machine",
      value: "WHEN",
      default: "auto",
      help: "whether programs on this machine can publish, control and operate without a token: on, off, or auto, which means on until another option sets a token for it or names a proxy",
      check: z.enum(["auto", "on", "off"], "auto, on or off"),
    },
    jwtSecret: {
      flag: "jwt-secret",
      value: "SECRET",
      secret: true,
      help: "accept JWTs signed with this secret (HS256) as tokens, and require a token to watch",
      check: secret(32, 1024),
    },
    jwks: {
      flag: "jwks",
      value: "URL",
      help: "accept JWTs signed with one of the public keys at this URL as tokens, and require a token to watch",
      check: keysUrl,
    },
    jwtIssuer: {
      flag: "jwt-issuer",
      value: "NAME",
      help: "accept only JWTs with this iss claim",
      check: shortText("a name"),
    },
    jwtAudience: {
      flag: "jwt-audience",
      value: "NAME",
      help: "accept only JWTs with this name in their aud claim, or any for every audience; required with --jwks",
      check: shortText("a name"),
    },
    revokeLinks: {
      flag: "revoke-links",
      default: "false",
      help: "revoke all share links made before this start",
      check: onOff,
    },
    stateDir: {
      flag: "state-dir",
      value: "DIR",
      help: "folder for the key that signs share links; default: $XDG_STATE_HOME/rendercast, or ~/.local/state/rendercast",
      check: nonEmpty("a folder"),
    },
  },
  Video: {
    bitrate: {
      flag: "bitrate",
      value: "KBITS",
      default: "0",
      help: "video bitrate in kbit/s; 0 derives it from size and frame rate",
      check: whole(0, 100_000),
    },
    codecs: {
      flag: "codecs",
      value: "LIST",
      default: "vp8,h264",
      help: "video codecs in order of preference; each viewer gets the first one that its browser supports, or h264 if its device prefers that; av1 needs a graphics processor that encodes it",
      check: codecList,
    },
  },
  Forwarding: {
    forward: {
      flag: "forward",
      value: "TARGETS",
      secret: true,
      help: "also send the stream --name to these targets, separated by commas: rtp://HOST:PORT, or whip+https://... for an SFU",
      check: forwardTargets,
    },
    forwardToken: {
      flag: "forward-token",
      value: "SECRET",
      secret: true,
      help: "token for the WHIP endpoints of --forward",
      check: z.string().regex(/^[\x21-\x7e]{1,4096}$/, "a token without spaces"),
    },
    forwardRenditions: {
      flag: "forward-renditions",
      value: "N",
      default: "3",
      help: "renditions to send to WHIP endpoints that support simulcast, each with a quarter of the bitrate of the one before; 1 sends the full one alone",
      check: simulcastCount,
    },
    forwardSdp: {
      flag: "forward-sdp",
      value: "FILE",
      help: "write an SDP file for receivers of --forward rtp://, for example for ffplay FILE",
      check: nonEmpty("a file"),
    },
  },
  Limits: {
    maxViewers: {
      flag: "max-viewers",
      value: "N",
      default: "50",
      help: "viewers at the same time, WebRTC and MJPEG together",
      check: whole(1, 10_000),
    },
    maxViewersPerStream: {
      flag: "max-viewers-per-stream",
      value: "N",
      help: "viewers of one stream at the same time; default: the value of --max-viewers",
      check: whole(1, 10_000),
    },
    maxViewersPerAddress: {
      flag: "max-viewers-per-address",
      value: "N",
      default: "20",
      help: "viewers at the same time from one IPv4 address or one IPv6 /64 network",
      check: whole(1, 10_000),
    },
    maxStreams: {
      flag: "max-streams",
      value: "N",
      default: "16",
      help: "streams at the same time; a publisher creates a stream by publishing to its name",
      check: whole(1, 1000),
    },
    maxFrameBytes: {
      flag: "max-frame-mb",
      value: "MIB",
      default: "64",
      help: "largest picture that a publisher can send, in MiB",
      check: whole(1, 256).transform((mebibytes) => mebibytes * MIB),
    },
    maxPixels: {
      flag: "max-megapixels",
      value: "N",
      default: "17",
      help: "largest picture that a publisher can send, in millions of pixels",
      check: whole(1, 100).transform((millions) => millions * 1_000_000),
    },
  },
  Operation: {
    logFormat: {
      flag: "log-format",
      value: "FORMAT",
      default: "pretty",
      help: "log format: pretty for people, or json with one object per line",
      check: z.enum(["pretty", "json"], "pretty or json"),
    },
    logLevel: {
      flag: "log-level",
      value: "LEVEL",
      default: "info",
      help: "lowest level to log: debug (includes every viewer), info, warn or error",
      check: z.enum(LOG_LEVELS, LOG_LEVELS.join(", ")),
    },
    drain: {
      flag: "drain",
      value: "SECONDS",
      default: "0",
      help: "seconds from SIGTERM to the stop; current viewers stay connected, and new ones are refused",
      check: seconds(0, 3600),
    },
    redis: {
      flag: "redis",
      value: "URL",
      secret: true,
      help: "Redis server that joins this server with others behind the same address, such as redis://:PASSWORD@10.0.0.5",
      check: redisUrl,
    },
    workers: {
      flag: "workers",
      value: "N",
      default: "0",
      help: "worker threads for sending video besides the main thread; 0 is off",
      check: whole(0, 64),
    },
  },
} as const satisfies Record<string, Record<string, Option>>;

/** Every option, by its name in {@link Config}. */
export const OPTIONS = {
  ...OPTION_GROUPS["Page and network"],
  ...OPTION_GROUPS.Source,
  ...OPTION_GROUPS.Blender,
  ...OPTION_GROUPS.Access,
  ...OPTION_GROUPS.Video,
  ...OPTION_GROUPS.Forwarding,
  ...OPTION_GROUPS.Limits,
  ...OPTION_GROUPS.Operation,
};

type Options = typeof OPTIONS;

/** The checked values, in the units of the program: bytes, milliseconds, pixels. Undefined: not given, and no default. */
export type Config = {
  readonly [K in keyof Options]: Options[K] extends { default: string }
    ? z.output<Options[K]["check"]>
    : z.output<Options[K]["check"]> | undefined;
};

/** The environment variable of a flag, such as `RENDERCAST_RTC_PORT`. */
export function variableOf(flag: string): string {
  return `RENDERCAST_${flag.toUpperCase().replaceAll("-", "_")}`;
}
