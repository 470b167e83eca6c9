/** What servers that stand behind one address say to each other. Whatever else comes is left unread. */

import { z } from "zod";
import { STREAM_NAME } from "../base/stream-name.ts";
import { CLAIMS } from "../broadcast/directory.ts";
import { MAX_OFFER_LENGTH, type Reply, type StreamInfo } from "../shared/protocol.ts";

/** Of a server's streams the first so many are told of. */
export const MAX_STREAMS_TOLD = 256;

const id = z.string().min(1).max(64);
/** A stream's: it becomes part of addresses. */
const streamName = z.string().regex(STREAM_NAME);
const words = z.string().max(1000);
const count = z.number().min(0);
const codes = [
  "no-such-stream",
  "no-common-codec",
  "token",
  "full",
  "origin",
  "not-watching",
  "bad-request",
  "failed",
] as const;

const state = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("waiting"), why: words.exactOptional() }),
  z.object({ kind: z.literal("live"), since: count, run: count }),
  z.object({ kind: z.enum(["stalled", "crashed", "ended"]), since: count }),
]);

const info = z.object({
  name: streamName,
  source: words,
  state,
  width: count,
  height: count,
  fps: count,
  still: z.literal(true).exactOptional(),
  viewers: count,
  problem: words.exactOptional(),
}) satisfies z.ZodType<StreamInfo>;

const offer = z.string().min(1).max(MAX_OFFER_LENGTH);

/** What one server asks of another. A session is one viewer's, named by who asks. */
const request = z.discriminatedUnion("do", [
  z.object({ do: z.literal("watch"), session: id, stream: streamName, offer, address: z.string().max(64) }),
  z.object({ do: z.literal("restart"), session: id, offer }),
  z.object({ do: z.literal("clock") }),
]);

const value = z.object({
  answer: z
    .string()
    .max(2 * MAX_OFFER_LENGTH)
    .exactOptional(),
  /** The viewer's, by which the log of the stream's server knows it. */
  viewer: id.exactOptional(),
  now: count.exactOptional(),
});

const reply = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), value }),
  z.object({ ok: z.literal(false), code: z.enum(codes), message: words }),
]) satisfies z.ZodType<Reply<z.infer<typeof value>>>;

const from = { from: id };
const between = { from: id, to: id };

/** A host and a port alone: no path, user or password that requests would be sent with. */
const ORIGIN = /^http:\/\/[\w.:[\]-]+$/;

export const message = z.discriminatedUnion("kind", [
  /** Each second, and where something changed: that a server is there, where, and what it has. */
  z.object({
    kind: z.literal("here"),
    ...from,
    url: z
      .url({ protocol: /^http$/ })
      .max(300)
      .regex(ORIGIN),
    /** What is passed on to it is signed with this key, of 32 bytes in base64url. */
    key: z.string().regex(/^[\w-]{43}$/),
    /** The time by its clock. */
    now: count,
    streams: z.array(z.object({ info, claim: z.enum(CLAIMS) })).max(MAX_STREAMS_TOLD),
  }),
  z.object({ kind: z.literal("gone"), ...from }),
  z.object({ kind: z.literal("ask"), ...between, number: count, request }),
  z.object({ kind: z.literal("answer"), ...between, number: count, reply }),
  z.object({ kind: z.literal("keyframe"), ...between, session: id }),
  z.object({ kind: z.literal("latency"), ...between, session: id, milliseconds: count }),
  z.object({ kind: z.literal("leave"), ...between, session: id }),
  z.object({ kind: z.literal("ended"), ...between, session: id, reason: words }),
]);

export type Message = z.infer<typeof message>;
export type Request = z.infer<typeof request>;
export type Answer = z.infer<typeof reply>;

/** The way between the servers. */
export interface Wire {
  /** Whether the others can be reached now. */
  readonly connected: boolean;
  /** To all others, or none. */
  send(message: Message): void;
  /** Hears whatever others send, not yet looked at. */
  listen(listener: (message: unknown) => void): void;
}
