/** Checks of option values: text in, typed value out. Each error message completes the sentence "--flag takes ...". */
import { z } from "zod";
import type { Millis } from "../base/clock.ts";
import { MAX_SIMULCAST_STREAMS } from "../media/simulcast-streams.ts";
import { type Announcement, isHostName, readAnnouncement } from "../network/announce.ts";
import { isStunUrl, isTurnUrl } from "../network/ice-servers.ts";
import { readNetwork } from "../network/ip.ts";
import { readTarget, type Target } from "./forward-target.ts";

/** Browsers gather candidates from all ICE servers, and more of them delay the connection. */
const MAX_ICE_SERVERS = 8;
const MAX_ANNOUNCED = 8;
/** Each target receives its own copy of the video. */
const MAX_FORWARDS = 8;

/** A whole number in this range, both ends included. */
export const whole = (low: number, high: number) =>
  z
    .string()
    .regex(/^\d+$/, `a whole number from ${low} to ${high}`)
    .transform(Number)
    .refine((n) => n >= low && n <= high, `a whole number from ${low} to ${high}`);

/** A whole number of seconds up to this one, as milliseconds. */
export const seconds = (low: number, high: number) =>
  whole(low, high).transform((count): Millis => count * 1000);

/** Any text but the empty one; `what` names it in the error message. */
export const nonEmpty = (what: string) => z.string().min(1, what);

/** Text of at most 1024 characters; `what` names it in the error message. */
export const shortText = (what: string) => nonEmpty(what).max(1024, "at most 1024 characters");

/** A secret of this length, in characters. HTTP headers carry no others, and drop spaces at both ends (RFC 9110, section 5.5). */
export const secret = (min: number, max: number) =>
  z
    .string()
    .min(min, `at least ${min} characters`)
    .max(max, `at most ${max} characters`)
    .regex(/^[!-~](?:[ -~]*[!-~])?$/, "ASCII characters without a space or line end around them");

/** The name of a file in a folder that another option names. */
export const fileName = z
  .string()
  .regex(/^[^/\\]+$/, "a file name without a folder")
  .refine((name) => name !== "." && name !== "..", "a file name without a folder");

/** Width and height in pixels, such as `480x270`. */
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

/** The value of a switch: the flag alone means true, and the environment variable holds one of these words. */
export const onOff = z
  .enum(["true", "1", "false", "0"], "true or false")
  .transform((text) => text === "true" || text === "1");

const commaList = z.string().transform((list) => list.split(",").map((item) => item.trim()));

/** A comma-separated list; `read` returns undefined for an item that is wrong. */
function listOf<Item>(most: number, read: (text: string) => Item | undefined, message: string) {
  return commaList.transform((list, context): Item[] => {
    const items = list.map(read).filter((item) => item !== undefined);
    if (items.length === list.length && list.length <= most) return items;
    context.addIssue(message);
    return z.NEVER;
  });
}

/** Public addresses or host names, each with an optional port. */
export const announcements = listOf<Announcement>(
  MAX_ANNOUNCED,
  readAnnouncement,
  `up to ${MAX_ANNOUNCED} addresses separated by commas, each with :PORT if it differs`,
);

/** Targets of `--forward`. */
export const forwardTargets = listOf<Target>(
  MAX_FORWARDS,
  readTarget,
  `up to ${MAX_FORWARDS} of rtp://HOST:PORT and whip+https://HOST/PATH, separated by commas`,
);

/** How many renditions to send by simulcast. */
export const simulcastCount = whole(1, MAX_SIMULCAST_STREAMS);

/** URLs of STUN and TURN servers. */
export const iceServers = listOf<string>(
  MAX_ICE_SERVERS,
  (url) => (isStunUrl(url) || isTurnUrl(url) ? url : undefined),
  `up to ${MAX_ICE_SERVERS} URLs such as stun:example.com:3478 and turns:example.com, separated by commas`,
);

/** `NAME:PASSWORD`; only the password may contain a colon. */
export const turnUser = z
  .string()
  .regex(/^[^:]+:.+$/, "NAME:PASSWORD")
  .transform((text) => {
    const [username = ""] = text.split(":");
    return { username, credential: text.slice(username.length + 1) };
  });

/** An IP address to bind. */
export const ipAddress = z.union([z.ipv4(), z.ipv6()], { error: "an IP address" });

/** An IP address to bind, or `localhost`. */
export const ipOrLocalhost = z.union([z.ipv4(), z.ipv6(), z.literal("localhost")], {
  error: "an IP address or localhost",
});

/** IP addresses and networks, such as `10.0.0.0/8`. */
export const networks = z
  .string()
  .transform((list) => list.split(",").flatMap((item) => item.trim() || []))
  .refine(
    (items) => items.every((text) => readNetwork(text) !== undefined),
    "IP addresses or networks such as 127.0.0.1,10.0.0.0/8",
  );

/** Origins as browsers send them (no path, no default port), or `*`. */
export const origins = z
  .string()
  .transform((list) => list.split(",").map((origin) => origin.trim().replace(/\/$/, "")))
  .refine((items) => items.every(isOrigin), "origins such as https://studio.example, or *");

function isOrigin(text: string): boolean {
  return text === "*" || (URL.canParse(text) && new URL(text).origin === text);
}

/** Host names, with `*.` in front for all below that name, or `*`. */
export const hostNames = commaList.refine(
  (names) => names.every((name) => name === "*" || isHostName(name.replace(/^\*\./, ""))),
  "host names such as render.example.com or *.example.com, without a port, or *",
);

/** The address of a JWKS. Without TLS anybody on the way could replace the keys. */
export const keysUrl = z
  .url({ protocol: /^https?$/, error: "an https:// address" })
  .refine(isSafeUrl, "an https:// address, or an http:// one on this machine");

function isSafeUrl(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}

/** Video codecs, the preferred one first. */
export const codecList = z
  .string()
  .transform((list) => list.split(","))
  .pipe(z.array(z.enum(["vp8", "h264", "av1"], "vp8, h264 and av1, separated by commas")).min(1))
  .refine((codecs) => new Set(codecs).size === codecs.length, "each codec once");

/** A Redis URL with a host. */
export const redisUrl = z.url({
  protocol: /^rediss?$/,
  hostname: /./,
  error: "a URL such as redis://10.0.0.5:6379",
});
