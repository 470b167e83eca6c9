/**
 * The code of a media worker's thread: sessions, sealing and sending for its viewers. It sends on the main thread's sockets,
 * and gets incoming datagrams as messages.
 */

import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../../base/clock.ts";
import { reasonOf } from "../../base/errors.ts";
import type { LogFields } from "../../base/log.ts";
import { Rounds } from "../../base/rounds.ts";
import { renditionName } from "../../media/frame.ts";
import { LocalAudience } from "../audience/audience.ts";
import { JoinQueue } from "../audience/joins.ts";
import { OfferError, type Viewer, type ViewerEvents } from "../audience/viewer.ts";
import { HandshakeRefusals } from "../dtls/refusals.ts";
import type { MediaSender } from "../io/io.ts";
import { loadNativeIo } from "../io/native/native.ts";
import type { MediaCounters } from "../session/media-session.ts";
import { answerOffer } from "../werift/answer.ts";
import { prepareWerift } from "../werift/internals.ts";
import { bufferOf, type WorkerOrder, type WorkerReport, type WorkerSetup } from "./messages.ts";
import { PostedPort } from "./posted-port.ts";

if (!parentPort) throw new Error("thread.ts runs only in a worker thread.");
const owner = parentPort;
const { playoutDelay, codecs }: WorkerSetup = workerData;

// An error that one viewer causes must not end the others.
process.on("unhandledRejection", (reason) => log(`A task failed: ${reasonOf(reason)}`, { level: "error" }));
process.on("uncaughtException", (error) => log(`A callback failed: ${reasonOf(error)}`, { level: "error" }));

prepareWerift();
const io = await loadNativeIo();
const clock = systemClock;
const rounds = new Rounds(clock);
const joins = new JoinQueue(clock);
const counters: MediaCounters = { packets: 0, repairs: 0, parity: 0, refusedRtcp: 0, refusedSctp: 0 };
const handshakes = new HandshakeRefusals(clock, log);
const senders = new Map<number, MediaSender>();
/** By audience number. */
const audiences = new Map<number, LocalAudience<Admission>>();
const ports = new Map<number, PostedPort>();
const viewers = new Map<number, Viewer>();

/** An offer, and the port of its viewer. */
interface Admission {
  readonly offer: string;
  readonly port: PostedPort;
}

const answer = joins.inTurn<Admission>(({ offer, port }, events) => {
  const { sealerOf } = io;
  const options = { clock, rounds, port, codecs, sealerOf, counters, handshakes, playoutDelay, log };
  return answerOffer(offer, options, events);
});

owner.on("message", (order: WorkerOrder) => {
  switch (order.kind) {
    case "admit":
      return void admit(order);
    case "restart":
      return void restart(order);
    case "frame":
      return void send(order);
    case "close":
      return viewers.get(order.viewer)?.close(order.reason);
    case "forget":
      return void audiences.delete(order.audience);
    case "beat":
      return report({ kind: "beat" });
    case "end":
      return end();
    default:
      ports.get(order.viewer)?.take(order);
  }
});
report({ kind: "ready" });

/** Never rejects. */
async function admit(order: Extract<WorkerOrder, { kind: "admit" }>): Promise<void> {
  const { viewer, offer } = order;
  const port = new PostedPort(clock, owner, order, senderOf);
  ports.set(viewer, port);
  // The main thread expects `closed` after `answered`, even if the viewer closes before.
  let isAnswered = false;
  let end: string | undefined;
  const closed = (reason: string) => {
    viewers.delete(viewer);
    ports.delete(viewer);
    report({ kind: "closed", viewer, reason });
  };
  const events: ViewerEvents = {
    connected: () => report({ kind: "connected", viewer }),
    keyframeNeeded: () => report({ kind: "keyframe-needed", viewer }),
    wants: (level) => report({ kind: "wants", viewer, level }),
    moved: (level) => report({ kind: "moved", viewer, level }),
    received: (reception) => report({ kind: "received", viewer, reception }),
    // The main thread reports this itself.
    reached: () => {},
    closed: (reason) => {
      if (isAnswered) closed(reason);
      else end = reason;
    },
  };
  try {
    const answered = await audienceOf(order.audience).admit({ offer, port }, events);
    viewers.set(viewer, answered.viewer);
    isAnswered = true;
    report({ kind: "answered", viewer, answer: answered.answer, codec: answered.viewer.codec });
    if (end !== undefined) closed(end);
  } catch (error) {
    ports.delete(viewer);
    refuse(viewer, error);
  }
}

/** Never rejects. If the viewer is gone, `closed` was reported already. */
async function restart({
  viewer,
  offer,
  candidates,
}: Extract<WorkerOrder, { kind: "restart" }>): Promise<void> {
  ports.get(viewer)?.renew(candidates);
  try {
    const restarted = viewers.get(viewer);
    const answer = await restarted?.restart(offer);
    if (restarted && answer !== undefined)
      report({ kind: "answered", viewer, answer, codec: restarted.codec });
  } catch (error) {
    refuse(viewer, error);
  }
}

function refuse(viewer: number, error: unknown): void {
  const code = error instanceof OfferError ? error.code : undefined;
  report({ kind: "refused", viewer, code, message: reasonOf(error) });
}

/** Never rejects. */
async function send({ audience, frame }: Extract<WorkerOrder, { kind: "frame" }>): Promise<void> {
  // The main thread waits for the report, even if sending fails.
  const { packets, at } = await audienceOf(audience)
    .send({ ...frame, data: bufferOf(frame.data) })
    .catch((error) => {
      log(`Sending a frame failed: ${reasonOf(error)}`, { level: "error" });
      return { packets: 0, at: clock.now() };
    });
  const dropped = [...senders.values()].reduce((sum, sender) => sum + sender.dropped, 0);
  const rendition = renditionName(frame);
  const all = { ...counters, refusedHandshakes: handshakes.count, dropped };
  report({ kind: "sent", audience, rendition, packets, at, counters: all });
}

function audienceOf(number: number): LocalAudience<Admission> {
  const audience = audiences.get(number) ?? new LocalAudience(clock, answer);
  audiences.set(number, audience);
  return audience;
}

function senderOf(fd: number): MediaSender {
  const sender = senders.get(fd) ?? io.share?.(fd);
  if (!sender) throw new Error("this form of sending cannot share a socket");
  senders.set(fd, sender);
  return sender;
}

/** Exits after the last datagrams to viewers have left. */
function end(): void {
  setImmediate(() => process.exit());
}

function log(line: string, fields?: LogFields): void {
  report({ kind: "log", line, ...(fields && { fields }) });
}

function report(message: WorkerReport): void {
  owner.postMessage(message);
}
