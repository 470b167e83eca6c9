/**
 * Every option once: flag, environment variable, default, unit and check. `--help` and the README's
 * table are made from it.
 */

import { parseArgs } from "node:util";
import { z } from "zod";
import type { Millis } from "../base/clock.ts";
import { UsageError } from "../base/errors.ts";
import { LOG_LEVELS } from "../base/log.ts";
import { STREAM_NAME, STREAM_NAME_RULE } from "../base/stream-name.ts";
import { MAX_SIMULCAST_STREAMS } from "../media/simulcast-streams.ts";
import { type Announcement, isHostName, readAnnouncement } from "../network/announce.ts";
import { isStunUrl, isTurnUrl } from "../network/ice-servers.ts";
import { readNetwork } from "../network/ip.ts";
import { readTarget, type Target } from "./forward-target.ts";

interface Option {
  /** The environment variable is `RENDERCAST_` and the flag in capitals. */
  readonly flag: string;
  /** How the value is written, in the help; absent for a switch. */
  readonly value?: string;
  readonly help: string;
  /** As written on the command line; absent where there is none. */
  readonly default?: string;
  /** Whether its value is never shown. */
  readonly secret?: true;
  readonly check: z.ZodType;
}

/** A whole number in this range, as text. */
export const whole = (low: number, high: number) =>
  z
    .string()
    .regex(/^\d+$/, `a whole number from ${low} to ${high}`)
    .transform(Number)
    .refine((n) => n >= low && n <= high, `a whole number from ${low} to ${high}`);

const fileName = z
  .string()
  .regex(/^[^/\\]+$/, "a file name without a folder")
  .refine((name) => name !== "." && name !== "..", "a file name without a folder");

/** Pixels of a picture, such as `480x270`. */
export const size = z
  .string()
  .regex(/^\d+x\d+$/, "a size such as 480x270")
  .transform((text) => {
    const [width = 0, height = 0] = text.split("x").map(Number);
    return { width, height };
  })
  .refine(
    ({ width, height }) => width >= 16 && height >= 16 && width <= 3840 && height <= 2160,
    "a size from 16x16 to 3840x2160",
  );

/** What a switch may be set to as a variable. */
const isOn = z
  .enum(["true", "1", "false", "0"], "true or false")
  .transform((text) => text === "true" || text === "1");

const commaList = z.string().transform((list) => list.split(",").map((one) => one.trim()));

/** Viewers slow down with more. */
const MAX_ICE_SERVERS = 8;
/** Each is a sending of its own. */
const MAX_FORWARDS = 8;

/** The `--jwt-audience` of who takes tokens for others too. */
export const ANY_AUDIENCE = "any";

const secret = z.string().min(8, "at least 8 characters").max(256, "at most 256 characters");

/** As browsers write it: no path, and no port that goes without saying. */
const isOrigin = (text: string) => text === "*" || (URL.canParse(text) && new URL(text).origin === text);

const MiB = 1024 * 1024;

/** In the order of the help. */
export const OPTIONS = {
  port: {
    flag: "port",
    value: "PORT",
    default: "8080",
    help: "TCP port of the page, the signaling and the MJPEG fallback; 0 takes a free one",
    check: whole(0, 65535),
  },
  host: {
    flag: "host",
    value: "ADDRESS",
    default: "::",
    help: "address to listen on; :: is every one of this machine, 127.0.0.1 this machine alone",
    check: z.union([z.ipv4(), z.ipv6(), z.literal("localhost")], { error: "an IP address or localhost" }),
  },
  rtcPort: {
    flag: "rtc-port",
    value: "PORT",
    help: "UDP and TCP port of the video; 0 takes a free one (the one above --port, if it is free)",
    check: whole(0, 65535),
  },
  announce: {
    flag: "announce",
    value: "ADDRESSES",
    help: "addresses or names by which viewers reach the video from outside a NAT or container, each with :PORT if it differs",
    check: commaList.transform((list, context): Announcement[] => {
      const announced = list.map(readAnnouncement).filter((one) => one !== undefined);
      if (announced.length === list.length && list.length <= 8) return announced;
      context.addIssue("up to 8 addresses with commas between, each with :PORT if it differs");
      return z.NEVER;
    }),
  },
  iceServers: {
    flag: "ice-servers",
    value: "URLS",
    help: "STUN and TURN servers for the viewers: stun:HOST, turn:HOST, turn:HOST?transport=tcp, turns:HOST, with commas between",
    check: commaList.refine(
      (urls) => urls.length <= MAX_ICE_SERVERS && urls.every((url) => isStunUrl(url) || isTurnUrl(url)),
      `up to ${MAX_ICE_SERVERS} URLs such as stun:example.com:3478 and turns:example.com, with commas between`,
    ),
  },
  turnSecret: {
    flag: "turn-secret",
    value: "SECRET",
    help: "secret shared with the TURN servers (coturn's use-auth-secret), to make each viewer's credentials of; better set as a variable",
    secret: true,
    check: z.string().min(1, "the servers' secret").max(256, "at most 256 characters"),
  },
  turnUser: {
    flag: "turn-user",
    value: "NAME:PASSWORD",
    help: "instead of a secret, what TURN servers with fixed credentials take; every viewer sees it",
    secret: true,
    check: z
      .string()
      .regex(/^[^:]+:.+$/, "a name and a password with a colon between")
      .transform((text) => {
        const [username = ""] = text.split(":");
        return { username, credential: text.slice(username.length + 1) };
      }),
  },
  relayOnly: {
    flag: "relay-only",
    default: "false",
    help: "have viewers come by the TURN servers alone",
    check: isOn,
  },
  rtcHost: {
    flag: "rtc-host",
    value: "ADDRESS",
    help: "address to meet viewers on with the video, where it is another than --host, as behind a reverse proxy",
    check: z.union([z.ipv4(), z.ipv6()], { error: "an IP address" }),
  },
  name: {
    flag: "name",
    value: "NAME",
    default: "main",
    help: "name of the broadcast, as in /streams/NAME",
    check: z.string().regex(STREAM_NAME, STREAM_NAME_RULE),
  },
  folder: {
    flag: "folder",
    value: "DIR",
    help: "broadcast the picture that a render loop writes in DIR, instead of the built-in scene",
    check: z.string().min(1, "a folder"),
  },
  picture: {
    flag: "picture",
    value: "FILE",
    default: "img.jpg",
    help: "the picture in the folder, a JPEG",
    check: fileName,
  },
  written: {
    flag: "written",
    value: "FILE",
    default: "img_written.txt",
    help: "flag file: 0 while the picture is being written, 1 when it is whole",
    check: fileName,
  },
  running: {
    flag: "running",
    value: "FILE",
    default: "img_running.txt",
    help: "flag file: 1 while the loop runs, 0 when it has ended",
    check: fileName,
  },
  scene: {
    flag: "scene",
    value: "FILE",
    help: "start Blender in background with this .blend file; the flag's name may be left out",
    check: z.string().endsWith(".blend", "a .blend file"),
  },
  script: {
    flag: "script",
    value: "FILE",
    help: "start Blender with this Python script, which may build the scene and publish data",
    check: z.string().endsWith(".py", "a .py file"),
  },
  blender: {
    flag: "blender",
    value: "PATH",
    help: "the Blender program, where it is not on the PATH or in a usual place",
    check: z.string().min(1, "a path"),
  },
  camera: {
    flag: "camera",
    value: "NAME",
    help: "the camera that Blender looks through, instead of the scene's own",
    check: z.string().min(1, "a camera's name"),
  },
  engine: {
    flag: "engine",
    value: "ENGINE",
    default: "workbench",
    help: "what Blender draws with: workbench, eevee, cycles, or scene for what the scene says",
    check: z.enum(["workbench", "eevee", "cycles", "scene"], "workbench, eevee, cycles or scene"),
  },
  animate: {
    flag: "animate",
    value: "HOW",
    default: "loop",
    help: "how Blender plays the scene's animation: loop, once or off",
    check: z.enum(["loop", "once", "off"], "loop, once or off"),
  },
  turn: {
    flag: "turn",
    value: "OBJECT",
    help: "an object that Blender turns, or active, or none",
    check: z.string().min(1, "an object's name"),
  },
  publishToken: {
    flag: "publish-token",
    value: "SECRET",
    help: "lets in only publishers that have it, as 'Authorization: Bearer SECRET'; better set as a variable",
    secret: true,
    check: secret,
  },
  viewToken: {
    flag: "view-token",
    value: "SECRET",
    help: "lets in only viewers that have it, or a link; without one everybody may watch",
    secret: true,
    check: secret,
  },
  operateToken: {
    flag: "operate-token",
    value: "SECRET",
    help: "lets who has it read /metrics, see who watches, and make and revoke links",
    secret: true,
    check: secret,
  },
  trustThisMachine: {
    flag: "trust-this-machine",
    value: "WHEN",
    default: "auto",
    help: "whether programs on this machine may publish and operate without a token: on, off, or auto for as long as no option here asks for a token or names a proxy",
    check: z.enum(["auto", "on", "off"], "auto, on or off"),
  },
  stateDir: {
    flag: "state-dir",
    value: "DIR",
    help: "folder for what outlives a restart: the key that signs links ($XDG_STATE_HOME/rendercast, or ~/.local/state/rendercast)",
    check: z.string().min(1, "a folder"),
  },
  revokeLinks: {
    flag: "revoke-links",
    default: "false",
    help: "end all links that were made before this start",
    check: isOn,
  },
  jwtSecret: {
    flag: "jwt-secret",
    value: "SECRET",
    help: "takes JWTs signed with it by HS256 as tokens, and lets in only viewers that have one",
    secret: true,
    check: z.string().min(32, "at least 32 characters").max(1024, "at most 1024 characters"),
  },
  jwks: {
    flag: "jwks",
    value: "URL",
    help: "takes JWTs signed with one of the public keys at URL, and lets in only viewers that have one",
    check: z
      .url({ protocol: /^https?$/, error: "an https:// address" })
      .refine(isSafeUrl, "an https:// address, or an http:// one on this machine"),
  },
  jwtIssuer: {
    flag: "jwt-issuer",
    value: "NAME",
    help: "takes only JWTs whose claim iss is NAME",
    check: z.string().min(1, "a name").max(1024, "at most 1024 characters"),
  },
  jwtAudience: {
    flag: "jwt-audience",
    value: "NAME",
    help: "takes only JWTs whose claim aud names NAME, this server's name at who signs them; any takes those for other services too; needed with --jwks",
    check: z.string().min(1, "a name").max(1024, "at most 1024 characters"),
  },
  ingestSocket: {
    flag: "ingest-socket",
    value: "PATH",
    help: "let publishers on this machine in over a Unix socket too",
    check: z.string().min(1, "a path").max(107, "a path of at most 107 characters"),
  },
  embedFrom: {
    flag: "embed-from",
    value: "ORIGINS",
    help: "web pages of other hosts that may show the streams, such as https://studio.example; * for all",
    check: z
      .string()
      .transform((list) => list.split(",").map((origin) => origin.trim().replace(/\/$/, "")))
      .refine((origins) => origins.every(isOrigin), "origins such as https://studio.example, or *"),
  },
  publicHost: {
    flag: "public-host",
    value: "NAMES",
    help: "host names besides this machine's own by which browsers open a server that asks for no token, such as render.example.com; *.example.com for all below that, * for all",
    check: commaList.refine(
      (names) => names.every((name) => name === "*" || isHostName(name.replace(/^\*\./, ""))),
      "host names such as render.example.com or *.example.com, without a port, or *",
    ),
  },
  forward: {
    flag: "forward",
    value: "TARGETS",
    secret: true,
    help: "hands the stream of --name on: rtp://HOST:PORT, or whip+https://... to publish it at an SFU; with commas between",
    check: commaList.transform((list, context): Target[] => {
      const targets = list.map(readTarget).filter((one) => one !== undefined);
      if (targets.length === list.length && list.length <= MAX_FORWARDS) return targets;
      context.addIssue(
        `up to ${MAX_FORWARDS} of rtp://HOST:PORT and whip+https://HOST/PATH with commas between`,
      );
      return z.NEVER;
    }),
  },
  forwardToken: {
    flag: "forward-token",
    value: "SECRET",
    secret: true,
    help: "the token that --forward gives WHIP endpoints; better set as a variable",
    check: z.string().regex(/^[\x21-\x7e]{1,4096}$/, "a token without spaces"),
  },
  forwardRenditions: {
    flag: "forward-renditions",
    value: "N",
    default: "3",
    help: "renditions that WHIP endpoints with simulcast are sent, each of a quarter of the bits; 1 for the full one alone",
    check: whole(1, MAX_SIMULCAST_STREAMS),
  },
  forwardSdp: {
    flag: "forward-sdp",
    value: "FILE",
    help: "where to write what receivers of --forward rtp:// need to know, such as for ffplay FILE",
    check: z.string().min(1, "a file"),
  },
  size: {
    flag: "size",
    value: "WxH",
    default: "480x270",
    help: "size in pixels of what Blender renders, or of the built-in scene",
    check: size,
  },
  fps: {
    flag: "fps",
    value: "N",
    default: "20",
    help: "frames a second of what Blender renders, or of the built-in scene",
    check: whole(1, 120),
  },
  bitrate: {
    flag: "bitrate",
    value: "KBITS",
    default: "0",
    help: "video bitrate in kbit/s; 0 chooses by size and frame rate",
    check: whole(0, 100_000),
  },
  codecs: {
    flag: "codecs",
    value: "LIST",
    default: "vp8,h264",
    help: "video codecs to send, the preferred first: each viewer has the first that its browser offers; a graphics processor that is found encodes h264, and av1 is sent only where one does",
    check: z
      .string()
      .transform((list) => list.split(","))
      .pipe(z.array(z.enum(["vp8", "h264", "av1"], "vp8, h264 and av1, with commas between")).min(1))
      .refine((codecs) => new Set(codecs).size === codecs.length, "each codec once"),
  },
  stallAfter: {
    flag: "stall-after",
    value: "SECONDS",
    default: "5",
    help: "seconds without a picture until the source counts as stalled",
    check: whole(1, 3600).transform((seconds): Millis => seconds * 1000),
  },
  maxViewers: {
    flag: "max-viewers",
    value: "N",
    default: "50",
    help: "viewers at once, WebRTC and MJPEG together",
    check: whole(1, 10_000),
  },
  maxViewersPerStream: {
    flag: "max-viewers-per-stream",
    value: "N",
    help: "viewers of one stream at once (as many as of all)",
    check: whole(1, 10_000),
  },
  maxViewersPerAddress: {
    flag: "max-viewers-per-address",
    value: "N",
    default: "20",
    help: "viewers at once from one IP address, or from one IPv6 network of 64 bits",
    check: whole(1, 10_000),
  },
  tlsCert: {
    flag: "tls-cert",
    value: "FILE",
    help: "serve HTTPS with the certificate in FILE, in PEM with those of its authorities; renewed files are read anew",
    check: z.string().min(1, "a file"),
  },
  tlsKey: {
    flag: "tls-key",
    value: "FILE",
    help: "the certificate's private key, in PEM",
    check: z.string().min(1, "a file"),
  },
  trustProxy: {
    flag: "trust-proxy",
    value: "LIST",
    help: "addresses or networks of reverse proxies, whose X-Forwarded-For, -Proto and -Host are believed",
    check: z
      .string()
      .transform((list) => list.split(",").flatMap((one) => one.trim() || []))
      .refine(
        (networks) => networks.every((text) => readNetwork(text) !== undefined),
        "IP addresses or networks such as 127.0.0.1,10.0.0.0/8",
      ),
  },
  redis: {
    flag: "redis",
    value: "URL",
    help: "Redis that joins this server with others behind the same address, such as redis://:PASSWORD@10.0.0.5; better set as a variable",
    secret: true,
    check: z.url({ protocol: /^rediss?$/, hostname: /./, error: "a URL such as redis://10.0.0.5:6379" }),
  },
  drain: {
    flag: "drain",
    value: "SECONDS",
    default: "0",
    help: "seconds between SIGTERM and the end, in which viewers may go on and new ones are sent elsewhere",
    check: whole(0, 3600).transform((seconds): Millis => seconds * 1000),
  },
  logFormat: {
    flag: "log-format",
    value: "FORMAT",
    default: "pretty",
    help: "how the log is written: pretty for people, or json for programs, an object a line",
    check: z.enum(["pretty", "json"], { error: "pretty or json" }),
  },
  logLevel: {
    flag: "log-level",
    value: "LEVEL",
    default: "info",
    help: "the least that is logged: debug (with every viewer), info, warn or error",
    check: z.enum(LOG_LEVELS, { error: LOG_LEVELS.join(", ") }),
  },
  workers: {
    flag: "workers",
    value: "N",
    help: "threads that send video beside the main one (one for each core beyond two)",
    check: whole(0, 64),
  },
  maxStreams: {
    flag: "max-streams",
    value: "N",
    default: "16",
    help: "streams at once; a publisher makes one by its name",
    check: whole(1, 1000),
  },
  maxFrameBytes: {
    flag: "max-frame-mb",
    value: "MIB",
    default: "64",
    help: "largest picture taken, in MiB",
    check: whole(1, 256).transform((mib) => mib * MiB),
  },
  maxPixels: {
    flag: "max-megapixels",
    value: "N",
    default: "17",
    help: "largest picture taken, in millions of pixels",
    check: whole(1, 100).transform((millions) => millions * 1_000_000),
  },
} as const satisfies Record<string, Option>;

/** Keys that come without TLS could be anybody's. */
function isSafeUrl(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}

type Options = typeof OPTIONS;

/** The options with their units applied: bytes, milliseconds, pixels. Those without a default may be absent. */
export type Config = {
  readonly [K in keyof Options]: Options[K] extends { default: string }
    ? z.output<Options[K]["check"]>
    : z.output<Options[K]["check"]> | undefined;
};

type Environment = Readonly<Record<string, string | undefined>>;

/** What the command line asks for. */
export type Command = { readonly run: Config } | { readonly show: "help" | "version" };

/**
 * Reads the command line (without node and script) and the environment; a flag goes before its variable.
 * @throws {UsageError} at the first thing wrong, in one sentence.
 */
export function readConfig(argv: readonly string[], env: Environment): Command {
  const flags = parseFlags(argv, env);
  if (flags.help !== undefined) return { show: "help" };
  if (flags.version !== undefined) return { show: "version" };

  const config: Record<string, unknown> = {};
  for (const [key, option] of Object.entries<Option>(OPTIONS)) {
    const fromFlag = flags[option.flag];
    const fromEnv = env[variableOf(option.flag)];
    const text = fromFlag ?? fromEnv ?? option.default;
    if (text === undefined) continue;
    const checked = option.check.safeParse(text);
    if (!checked.success) {
      const where = fromFlag === undefined ? variableOf(option.flag) : `--${option.flag}`;
      const shown = option.secret ? "the one given" : `'${text}'`;
      throw new UsageError(`${where} takes ${checked.error.issues[0]?.message}, not ${shown}.`);
    }
    config[key] = checked.data;
  }
  demandScene(config, flags, env);
  if (config.folder !== undefined && (config.scene !== undefined || config.script !== undefined)) {
    throw new UsageError("Give --folder, or a scene or script for Blender, but not both.");
  }
  if ((config.tlsCert === undefined) !== (config.tlsKey === undefined)) {
    throw new UsageError("TLS needs both files: give --tls-cert and --tls-key.");
  }
  if (config.rtcPort !== undefined && config.rtcPort !== 0 && config.rtcPort === config.port) {
    throw new UsageError("The video needs a port of its own: --rtc-port and --port must differ.");
  }
  if (config.redis !== undefined && config.tlsCert !== undefined)
    throw new UsageError(
      "Servers that --redis joins speak HTTP with one another: give the certificate to the balancer before them.",
    );
  demandAudience(config as Config);
  demandTurn(config as Config);
  demandForward(config as Config);
  return { run: config as Config };
}

/** What is for a target says nothing without one: most likely that was forgotten. */
function demandForward({ forward = [], forwardToken, forwardSdp }: Config): void {
  const count = (wanted: Target["kind"]) => forward.filter(({ kind }) => kind === wanted).length;
  if (forwardToken !== undefined && count("whip") === 0)
    throw new UsageError("--forward-token is for WHIP: name an endpoint with --forward whip+https://...");
  if (forwardSdp !== undefined && count("rtp") !== 1)
    throw new UsageError(
      "--forward-sdp describes one stream of RTP: name it with --forward rtp://HOST:PORT.",
    );
}

/** Whoever publishes keys signs for many services: a token for another must open nothing here (RFC 8725, section 3.9). */
function demandAudience({ jwtSecret, jwks, jwtIssuer, jwtAudience }: Config): void {
  if (jwks !== undefined && jwtAudience === undefined)
    throw new UsageError(
      "--jwks needs --jwt-audience with what the claim aud says of tokens for this server, or any to take those for others too.",
    );
  const given = jwtIssuer !== undefined ? "--jwt-issuer" : jwtAudience !== undefined && "--jwt-audience";
  if (given && jwtSecret === undefined && jwks === undefined)
    throw new UsageError(`${given} is for signed tokens: give their key with --jwt-secret or --jwks.`);
}

/** Credentials and relays are TURN's: most likely its server was forgotten, or they were. */
function demandTurn({ iceServers = [], turnSecret, turnUser, relayOnly }: Config): void {
  const hasTurn = iceServers.some(isTurnUrl);
  const given = [
    turnSecret !== undefined && "--turn-secret",
    turnUser !== undefined && "--turn-user",
    relayOnly && "--relay-only",
  ].find((flag) => flag);
  if (!hasTurn && given)
    throw new UsageError(`${given} needs a TURN server: name one with --ice-servers turn:HOST.`);
  if (hasTurn && turnSecret === undefined && turnUser === undefined)
    throw new UsageError(
      "TURN servers take credentials: give the secret they share with --turn-secret, or --turn-user.",
    );
  if (turnSecret !== undefined && turnUser !== undefined)
    throw new UsageError("Give --turn-secret or --turn-user, but not both.");
}

/** What only Blender needs says nothing where no Blender is started: most likely the scene was forgotten. */
function demandScene(config: Record<string, unknown>, flags: Record<string, string>, env: Environment): void {
  if (config.scene !== undefined || config.script !== undefined) return;
  for (const { flag } of [OPTIONS.blender, OPTIONS.camera, OPTIONS.engine, OPTIONS.animate, OPTIONS.turn]) {
    // Where Blender is may be set once and for all.
    const variable = flag !== OPTIONS.blender.flag && variableOf(flag) in env ? variableOf(flag) : undefined;
    const given = flag in flags ? `--${flag}` : variable;
    if (given === undefined) continue;
    throw new UsageError(
      `${given} is for the Blender that rendercast starts: name a .blend file too, or a script with --script.`,
    );
  }
}

function parseFlags(argv: readonly string[], env: Environment): Record<string, string> {
  const options: Record<string, { type: "string" | "boolean"; short?: string }> = {
    help: { type: "boolean", short: "h" },
    version: { type: "boolean", short: "v" },
  };
  for (const { flag, value } of Object.values<Option>(OPTIONS))
    options[flag] = { type: value === undefined ? "boolean" : "string" };
  try {
    const args = withDashedValues(argv, options);
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const [scene, surplus] = positionals;
    if (values.scene !== undefined && scene !== undefined) throw strayError(scene, env);
    if (scene !== undefined && !scene.endsWith(".blend")) throw notSceneError(scene, env);
    if (surplus !== undefined) throw strayError(surplus, env);
    const given = Object.entries(values).map(([flag, value]) => [flag, String(value)]);
    return { ...(scene === undefined ? {} : { scene }), ...Object.fromEntries(given) };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const flag = /'(-[^' =]*)/.exec(error instanceof Error ? error.message : "")?.[1] ?? "an option";
    const known = options[flag.replace(/^-+/, "")]?.type;
    const why = {
      string: "needs a value; --help shows which.",
      boolean: "is a switch, and takes no value.",
      none: "is not an option; --help lists them all.",
    }[known ?? "none"];
    throw new UsageError(`${flag} ${why}`);
  }
}

/** A value that begins with a dash, such as -3, is joined to its flag: for parseArgs it would be another flag. */
function withDashedValues(
  argv: readonly string[],
  options: Readonly<Record<string, { type: "string" | "boolean"; short?: string }>>,
): string[] {
  const isFlag = (text: string) =>
    text === "--" || /^-[a-z]$/.test(text) || (/^--([a-z-]+)/.exec(text)?.[1] ?? "") in options;
  const args: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const flag = argv[at] ?? "";
    const value = argv[at + 1];
    const takesValue = flag.startsWith("--") && options[flag.slice(2)]?.type === "string";
    if (takesValue && value?.startsWith("-") && !isFlag(value)) {
      args.push(`${flag}=${value}`);
      at++;
    } else {
      args.push(flag);
    }
  }
  return args;
}

function strayError(stray: string, env: Environment): UsageError {
  const kept = keptByNpm(env);
  const advice = kept === undefined ? "--help lists them all." : `write npm start -- --${kept} ...`;
  return new UsageError(`'${stray}' is not an option; ${advice}`);
}

function notSceneError(stray: string, env: Environment): UsageError {
  if (keptByNpm(env) !== undefined) return strayError(stray, env);
  if (stray.endsWith(".py")) return new UsageError(`'${stray}' is a script: write --script ${stray}.`);
  return new UsageError(
    `'${stray}' is no .blend file, the only kind that is taken without a flag; --help lists the options.`,
  );
}

/** npm keeps the flags before `--` to itself, and leaves only their values. */
function keptByNpm(env: Environment): string | undefined {
  return Object.values(OPTIONS).find(({ flag }) => `npm_config_${flag.replaceAll("-", "_")}` in env)?.flag;
}

/** The environment variable of a flag. */
export function variableOf(flag: string): string {
  return `RENDERCAST_${flag.toUpperCase().replaceAll("-", "_")}`;
}

/** The flag with its value, as it is written. */
function written({ flag, value }: Option): string {
  return value === undefined ? `--${flag}` : `--${flag} ${value}`;
}

/**
 * The text of `--help`.
 * @param command how this rendercast is started.
 */
export function helpText(command: string): string {
  const flags = Object.values<Option>(OPTIONS).map((option) => written(option).length);
  const width = Math.max(...flags) + 2;
  const rows = Object.values<Option>(OPTIONS).map((option) => {
    const fallback = option.default === undefined ? "" : ` (${option.default})`;
    return `  ${written(option).padEnd(width)}${option.help}${fallback}`;
  });
  return [
    "rendercast: a live render loop in any browser, over WebRTC.",
    "",
    ...usageLines(command),
    `  ${`${command} doctor`.padEnd(32)}look at ports, network, encoders and Blender, and say what to change`,
    "",
    "Options (default), each also as an environment variable such as RENDERCAST_PORT:",
    ...rows,
    `  ${"--help, --version".padEnd(width)}show this, or the version`,
    "",
  ].join("\n");
}

/** What to start it with, for the help and for who has just started it. */
export function usageLines(command: string): string[] {
  const uses = [
    ["", "show the built-in scene, until somebody publishes"],
    ["scene.blend", "show what Blender renders of a scene"],
    ["--folder DIR", "show what a render loop writes in DIR"],
  ] as const;
  return uses.map(([given, what]) => `  ${`${command} ${given}`.padEnd(32)}${what}`);
}

/** The README's table of options, as Markdown. */
export function optionTable(): string {
  const rows = Object.values<Option>(OPTIONS).map(
    (option) =>
      `| \`${written(option)}\` | \`${variableOf(option.flag)}\` | ${option.default === undefined ? "" : `\`${option.default}\``} | ${option.help} |`,
  );
  return ["| Flag | Variable | Default | What it does |", "| --- | --- | --- | --- |", ...rows].join("\n");
}
