/** The messages between joined servers. Anything that does not match is ignored. */

import { z } from "zod";
import { STREAM_NAME } from "../base/stream-name.ts";
import { CLAIMS } from "../broadcast/directory.ts";
import { MAX_OFFER_LENGTH, type Reply, type StreamInfo } from "../shared/protocol.ts";

/** A server announces no more streams than this. */
export const MAX_ANNOUNCED_STREAMS = 256;

const id = z.string().min(1).max(64);
/** Checked, as it becomes part of URLs. */
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
  "no-control",
  "busy",
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

/** A request of one server to another. The asking server makes the session's id: one for each viewer. */
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
  /** The viewer's id in the log of the stream's server. */
  viewer: id.exactOptional(),
  now: count.exactOptional(),
});

const reply = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), value }),
  z.object({ ok: z.literal(false), code: z.enum(codes), message: words }),
]) satisfies z.ZodType<Reply<z.infer<typeof value>>>;

const from = { from: id };
const between = { from: id, to: id };

/** Host and port only: requests must not be sent with a path, user or password from here. */
const ORIGIN = /^http:\/\/[\w.:[\]-]+$/;

/** The schema of all messages. */
export const message = z.discriminatedUnion("kind", [
  /** Announces a server, its URL and its streams, every second and at each change. */
  z.object({
    kind: z.literal("here"),
    ...from,
    url: z
      .url({ protocol: /^http$/ })
      .max(300)
      .regex(ORIGIN),
    /** Signs requests that are passed on to it: 32 bytes in base64url. */
    key: z.string().regex(/^[\w-]{43}$/),
    /** The time of its clock. */
    now: count,
    streams: z.array(z.object({ info, claim: z.enum(CLAIMS) })).max(MAX_ANNOUNCED_STREAMS),
  }),
  z.object({ kind: z.literal("gone"), ...from }),
  z.object({ kind: z.literal("ask"), ...between, number: count, request }),
  z.object({ kind: z.literal("answer"), ...between, number: count, reply }),
  z.object({ kind: z.literal("keyframe"), ...between, session: id }),
  z.object({ kind: z.literal("latency"), ...between, session: id, milliseconds: count }),
  z.object({ kind: z.literal("leave"), ...between, session: id }),
  z.object({ kind: z.literal("ended"), ...between, session: id, reason: words }),
]);

/** A valid message. */
export type Message = z.infer<typeof message>;
/** What a server asks of another. */
export type Request = z.infer<typeof request>;
/** The answer to a {@link Request}. */
export type Answer = z.infer<typeof reply>;

/** Carries messages between the servers. */
export interface Wire {
  /** Whether messages can be sent and heard now. */
  readonly connected: boolean;
  /** Sends to all other servers; does nothing without a connection. Never throws. */
  send(message: Message): void;
  /** Sets the listener. It gets JSON values that are not validated, own messages included. */
  listen(listener: (message: unknown) => void): void;
}
