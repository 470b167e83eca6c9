/** One media worker as the main thread sees it: its viewers, whose ends of the port are here, and the frames for them. */
import { Worker } from "node:worker_threads";
import type { Clock, Millis } from "../../base/clock.ts";
import { type Codec, type EncodedFrame, renditionName } from "../../media/frame.ts";
import { type Answered, OfferError, type Sent, type ViewerEvents } from "../audience/viewer.ts";
import type { Route } from "../io/route.ts";
import type { Registration, RtcPort } from "../port/port.ts";
import { Heartbeat } from "./heartbeat.ts";
import {
  bufferOf,
  copyOf,
  type WorkerCounters,
  type WorkerOrder,
  type WorkerReport,
  type WorkerSetup,
} from "./messages.ts";

// In the source tree this is TypeScript, which Node runs as it is; once built it is JavaScript.
const THREAD = new URL(import.meta.url.endsWith(".ts") ? "./thread.ts" : "./thread.js", import.meta.url);

/** By then a worker that was asked to end is ended. */
const END_WITHIN: Millis = 1000;

/** As much of a {@link Worker} as is used here. */
export interface MediaThread {
  on(event: "message", take: (report: WorkerReport) => void): unknown;
  on(event: "error", take: (error: Error) => void): unknown;
  on(event: "exit", take: () => void): unknown;
  postMessage(order: WorkerOrder, handOver: ArrayBuffer[]): void;
  terminate(): Promise<unknown>;
  ref(): void;
  unref(): void;
}

export interface MediaWorkerOptions {
  readonly clock: Clock;
  readonly port: Pick<RtcPort, "register" | "candidates">;
  readonly setup: WorkerSetup;
  /** Starts a thread; only tests start another. */
  readonly newThread?: (setup: WorkerSetup) => MediaThread;
  readonly log: (line: string) => void;
  /** It has ended, of itself or by {@link MediaWorker.close}; its viewers are closed already. */
  readonly ended: (worker: MediaWorker) => void;
}

type Answer = Pick<Extract<WorkerReport, { kind: "answered" }>, "answer" | "codec">;

/** A viewer, from its offer on. */
interface Member {
  readonly audience: number;
  readonly events: ViewerEvents;
  readonly registration: Registration;
  route: Route | undefined;
  /** Its offers that have no reply yet: the first is its admission. */
  readonly offers: PromiseWithResolvers<Answer>[];
  /** From its admission on. */
  codec: Codec | undefined;
}

/** The thread ended before it had answered an offer, which another may answer. */
export class ThreadEnded extends Error {}

let viewersSoFar = 0;

export class MediaWorker {
  readonly #options: MediaWorkerOptions;
  readonly #thread: MediaThread;
  readonly #heartbeat: Heartbeat;
  readonly #exited = Promise.withResolvers<void>();
  readonly #members = new Map<number, Member>();
  /** Frames on their way, by audience and rendition, oldest first. */
  readonly #sending = new Map<string, ((sent: Sent | undefined) => void)[]>();
  /** Of these, frames were left out while it was late: without a keyframe no more can be shown. */
  readonly #interrupted = new Set<string>();
  #isReady = false;
  #hasEnded = false;
  counters: WorkerCounters = {
    packets: 0,
    repairs: 0,
    refusedRtcp: 0,
    refusedSctp: 0,
    refusedHandshakes: 0,
    dropped: 0,
  };

  constructor(options: MediaWorkerOptions) {
    this.#options = options;
    const { clock, newThread = startThread, setup } = options;
    this.#thread = newThread(setup);
    // It is no reason for the process to stay.
    this.#thread.unref();
    this.#thread.on("message", (report: WorkerReport) => this.#take(report));
    this.#thread.on("error", (error) => options.log(`A thread that sends video failed: ${error.message}`));
    this.#thread.on("exit", () => {
      this.#exited.resolve();
      this.#ended();
    });
    this.#heartbeat = new Heartbeat({
      clock,
      ask: () => this.#post({ kind: "beat" }),
      late: () => this.#late(),
      hung: () => this.#hung(),
    });
  }

  /** Whether it has ever run. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Whether it does not answer just now: it may be busy, or hang. */
  get isLate(): boolean {
    return this.#heartbeat.isLate;
  }

  get viewers(): number {
    return this.#members.size;
  }

  /**
   * As {@link Audience.admit}.
   * @throws {ThreadEnded} where the thread ends before it has answered; nothing is told of the viewer then.
   */
  async admit(audience: number, offer: string, events: ViewerEvents): Promise<Answered> {
    const { port } = this.#options;
    const viewer = ++viewersSoFar;
    const pass =
      (as: "chosen" | "dtls" | "rtp") =>
      (bytes: Buffer, key = "") => {
        const datagram = copyOf(bytes);
        this.#post({ kind: "datagram", viewer, as, datagram, key }, [datagram.buffer]);
      };
    const registration = port.register({
      routed: (route) => {
        member.route = route;
        if (route) events.reached(route.protocol);
        const posted = route && { address: route.address, protocol: route.protocol, fd: route.fd };
        this.#post({ kind: "routed", viewer, route: posted });
      },
      chosen: pass("chosen"),
      dtls: pass("dtls"),
      rtp: pass("rtp"),
      silent: () => this.#post({ kind: "silent", viewer }),
    });
    const member: Member = {
      audience,
      events,
      registration,
      route: undefined,
      offers: [],
      codec: undefined,
    };
    this.#members.set(viewer, member);
    const { answer, codec } = await this.#ask(member, {
      kind: "admit",
      audience,
      viewer,
      offer,
      candidates: port.candidates(),
    });
    return {
      answer,
      viewer: {
        codec,
        restart: async (offer) => {
          const candidates = port.candidates();
          return (await this.#ask(member, { kind: "restart", viewer, offer, candidates })).answer;
        },
        close: (reason) => this.#post({ kind: "close", viewer, reason }),
      },
    };
  }

  /**
   * Resolves when its viewers have the frame; to undefined where it has none of this audience, ends before, or is late:
   * the viewers of others do not wait for it.
   */
  send(audience: number, frame: EncodedFrame): Promise<Sent | undefined> {
    const key = `${audience} ${renditionName(frame)}`;
    if (!this.#serves(audience, frame.codec) || this.#leavesOut(key, frame))
      return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const waiting = this.#sending.get(key) ?? [];
      this.#sending.set(key, waiting);
      waiting.push(resolve);
      const data = copyOf(frame.data);
      this.#post({ kind: "frame", audience, frame: { ...frame, data } }, [data.buffer]);
    });
  }

  /** Has it end, once what it was told before is done. */
  async close(): Promise<void> {
    if (this.#hasEnded) return;
    const { clock } = this.#options;
    this.#heartbeat.stop();
    this.#thread.ref();
    this.#post({ kind: "end" });
    const terminate = clock.after(END_WITHIN, () => void this.#thread.terminate());
    // Within a system call it cannot be ended.
    const giveUp = clock.after(2 * END_WITHIN, () => this.#exited.resolve());
    await this.#exited.promise;
    terminate();
    giveUp();
    this.#thread.unref();
    this.#ended();
  }

  /** Whether the frame is not to be sent, as the thread would not take it, or its viewers could not show it. */
  #leavesOut(key: string, { type }: EncodedFrame): boolean {
    if (this.isLate) this.#interrupted.add(key);
    else if (type === "key") this.#interrupted.delete(key);
    return this.#interrupted.has(key);
  }

  #late(): void {
    // Their places are kept: it may yet tell that they are sent.
    for (const waiting of this.#sending.values()) for (const resolve of waiting) resolve(undefined);
  }

  #heard(): void {
    const wasLate = this.isLate;
    this.#heartbeat.heard();
    if (wasLate && this.#interrupted.size > 0)
      for (const { codec, events } of this.#members.values()) if (codec) events.keyframeNeeded();
  }

  #hung(): void {
    const seconds = Math.round(this.#heartbeat.silence / 1000);
    this.#options.log(`A thread that sends video has not answered for ${seconds} seconds, and is ended.`);
    void this.#thread.terminate();
    // It may be long until it exits.
    this.#ended();
  }

  #ask(member: Member, order: Extract<WorkerOrder, { offer: string }>): Promise<Answer> {
    const asked = Promise.withResolvers<Answer>();
    if (this.#members.get(order.viewer) !== member) asked.reject(newGone());
    else {
      member.offers.push(asked);
      this.#post(order);
    }
    return asked.promise;
  }

  #serves(audience: number, codec?: Codec): boolean {
    for (const member of this.#members.values())
      if (member.audience === audience && (codec === undefined || member.codec === codec)) return true;
    return false;
  }

  #take(report: WorkerReport): void {
    // Of one that was given up the last reports may be still on their way.
    if (this.#hasEnded) return;
    this.#heard();
    if (report.kind === "ready") this.#isReady = true;
    else if (report.kind === "beat") return;
    else if (report.kind === "log") this.#options.log(report.line);
    else if (report.kind === "sent") this.#sent(report);
    else {
      const member = this.#members.get(report.viewer);
      if (member) this.#takeOf(member, report);
    }
  }

  #takeOf(member: Member, report: Extract<WorkerReport, { viewer: number }>): void {
    const { events, registration } = member;
    switch (report.kind) {
      case "accept":
        registration.accept(report.fragment, report.password);
        break;
      case "handshake-done":
        registration.handshakeDone();
        break;
      case "heard":
        registration.heard(report.key);
        break;
      case "answered":
        member.codec = report.codec;
        member.offers.shift()?.resolve(report);
        break;
      case "refused":
        member.offers.shift()?.reject(errorOf(report));
        if (member.codec === undefined) this.#forget(report.viewer, member);
        break;
      case "connected":
        events.connected();
        break;
      case "keyframe-needed":
        events.keyframeNeeded();
        break;
      case "wants":
        events.wants(report.level);
        break;
      case "moved":
        events.moved(report.level);
        break;
      case "received":
        events.received(report.reception);
        break;
      case "send":
        member.route?.send(bufferOf(report.datagram));
        break;
      case "closed":
        this.#forget(report.viewer, member);
        events.closed(report.reason);
        break;
    }
  }

  #sent({ audience, rendition, packets, at, counters }: Extract<WorkerReport, { kind: "sent" }>): void {
    this.counters = counters;
    this.#sending.get(`${audience} ${rendition}`)?.shift()?.({ packets, at });
  }

  #forget(viewer: number, { audience, registration, offers, codec }: Member): void {
    registration.close();
    this.#members.delete(viewer);
    const isUnanswered = this.#hasEnded && codec === undefined;
    const error = isUnanswered ? new ThreadEnded("The thread has ended.") : newGone();
    for (const { reject } of offers.splice(0)) reject(error);
    if (!this.#serves(audience)) this.#post({ kind: "forget", audience });
  }

  #ended(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#heartbeat.stop();
    for (const waiting of this.#sending.values()) for (const resolve of waiting) resolve(undefined);
    this.#sending.clear();
    for (const [viewer, member] of [...this.#members]) {
      this.#forget(viewer, member);
      if (member.codec) member.events.closed("failed");
    }
    this.#options.ended(this);
  }

  #post(order: WorkerOrder, handOver: ArrayBuffer[] = []): void {
    if (!this.#hasEnded) this.#thread.postMessage(order, handOver);
  }
}

function startThread(workerData: WorkerSetup): MediaThread {
  return new Worker(THREAD, { workerData, name: "rendercast media" });
}

function newGone(): OfferError {
  return new OfferError("not-watching", "There is no connection any more.");
}

function errorOf({ code, message }: Extract<WorkerReport, { kind: "refused" }>): Error {
  return code === undefined ? new Error(message) : new OfferError(code, message);
}
