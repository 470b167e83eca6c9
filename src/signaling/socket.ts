/**
 * Signaling over socket.io: a page follows a stream's status and negotiates its WebRTC connection here. Nothing that a
 * page sends may stop the server.
 */
import type { Server as HttpServer, IncomingMessage } from "node:http";
import { Server, type Socket } from "socket.io";
import type { WhenOver } from "../access/access.ts";
import type { Cancel, Clock, EpochMs, Millis } from "../base/clock.ts";
import {
  type ClientToServerEvents,
  MAX_OFFER_LENGTH,
  type Reply,
  type ServerToClientEvents,
  type StreamInfo,
} from "../shared/protocol.ts";
import { pageDoor, withHeaders } from "./door.ts";
import { limitedWebSockets, limitPackets, type RawConnection } from "./flood.ts";
import { type ControllableStream, Operating } from "./operating.ts";
import {
  NO_SUCH_STREAM,
  type Refusal,
  streamName,
  type WatchableStream,
  Watching,
  type WatchingOptions,
} from "./watching.ts";

/** A stream as signaling needs it. */
export interface SignaledStream extends WatchableStream, ControllableStream {
  info(): StreamInfo;
  /** The clock of its frames if they come from another server; rejects if that server does not answer. */
  clock?(): Promise<EpochMs>;
  listen(listener: (info: StreamInfo) => void): () => void;
}

/** Decides which requests and sockets are let in. */
export interface SignalingGuard {
  /** Runs before every request of a socket, as an engine.io middleware. */
  readonly gate: Parameters<Server["engine"]["use"]>[0];
  /** The client's network address, as {@link WatchingOptions.address}. */
  readonly addressOf: (request: IncomingMessage) => string;
  /** Why the page behind a request may not show streams, a sentence; undefined if it may. */
  readonly refuses: (request: IncomingMessage) => string | undefined;
  /**
   * Checks the right to view the stream. `whenOver` reports the end of the right; `why` says why there is none.
   * @param request opened the socket.
   * @param token from the socket's handshake, not validated.
   */
  readonly mayView: (
    request: IncomingMessage,
    token: unknown,
    stream: string,
  ) => Promise<{ readonly whenOver: WhenOver } | { readonly why: string }>;
  /** Checks the right to control the stream, as `mayView` does the right to view it. */
  readonly mayControl: SignalingGuard["mayView"];
}

/** What {@link serveSignaling} needs of the server. */
export interface SignalingOptions extends Omit<WatchingOptions, "forbids" | "address"> {
  readonly clock: Clock;
  readonly guard: SignalingGuard;
  readonly find: (name: string) => SignaledStream | undefined;
}

/** The running signaling. */
export interface Signaling {
  /** Tells all pages that the server stops on purpose. */
  tellStop(): void;
  /** Disconnects all sockets and closes the HTTP server. */
  close(): Promise<void>;
}

/** A page sends a dozen requests when it opens, and few later. */
const REQUEST_WINDOW: Millis = 10_000;
const MAX_REQUESTS = 100;

/** The most messages that may wait to be sent to a page. */
const MAX_UNSENT = 100;

type ViewerSocket = Socket<ClientToServerEvents, ServerToClientEvents>;

/** Serves signaling on the HTTP server, at socket.io's usual path. */
export function serveSignaling(http: HttpServer, options: SignalingOptions): Signaling {
  const { guard } = options;
  const io = new Server<ClientToServerEvents, ServerToClientEvents>(http, {
    serveClient: false,
    maxHttpBufferSize: 2 * MAX_OFFER_LENGTH,
    wsEngine: limitedWebSockets(options.clock),
    // A vanished page is dropped after 20 seconds. After a 10-second outage TCP may wait some more before it retransmits,
    // and the page should keep its socket and its video.
    pingInterval: 5000,
    pingTimeout: 15_000,
  });
  io.engine.use(withHeaders);
  io.engine.use(guard.gate);
  io.engine.use(pageDoor(guard.refuses));
  io.engine.on("connection", (connection: RawConnection) => limitPackets(connection, options.clock));
  io.on("connection", (socket) => new Connection(socket, options));
  return {
    tellStop: () => void io.emit("stopping"),
    close: () => io.close(),
  };
}

/** One page's socket: the stream it follows, and its viewer session if it has one. */
class Connection {
  readonly #socket: ViewerSocket;
  readonly #options: SignalingOptions;
  #unfollow: (() => void) | undefined;
  #followed: SignaledStream | undefined;
  /** Counts the requests to follow: only the last one takes effect. */
  #follows = 0;
  /** Stops waiting for the end of the token. */
  #stopExpiring: Cancel = () => {};
  readonly #watching: Watching;
  readonly #operating: Operating;
  #windowStart = Number.NEGATIVE_INFINITY;
  #requests = 0;

  constructor(socket: ViewerSocket, options: SignalingOptions) {
    this.#socket = socket;
    this.#options = options;
    const forbids = (stream: string) => this.#forbids(stream);
    const address = options.guard.addressOf(socket.request);
    this.#watching = new Watching({ ...options, address, forbids }, (reason) => socket.emit("ended", reason));
    this.#operating = new Operating({
      clock: options.clock,
      find: options.find,
      mayControl: (stream) => options.guard.mayControl(socket.request, socket.handshake.auth.token, stream),
      granted: (lease) => socket.emit("lease", lease),
      ended: (why) => socket.emit("leaseEnded", why),
    });
    socket.use(([event], next) => {
      if (this.#isWelcome(event)) next();
      else socket.disconnect(true);
    });
    socket.on("operate", (stream, reply) => {
      void this.#operating.ask(stream).then((result) => answer(reply, result));
    });
    socket.on("control", (move) => {
      if (!this.#operating.move(move)) socket.disconnect(true);
    });
    socket.on("release", () => this.#operating.release());
    socket.on("clock", (reply) => void this.#clock().then((now) => answer(reply, now), noAnswer));
    socket.on("follow", (name, reply) => {
      void this.#follow(name).then((result) => answer(reply, result));
    });
    socket.on("watch", (request, reply) => {
      void this.#watching.watch(request).then((result) => answer(reply, result));
    });
    socket.on("restart", (request, reply) => {
      void this.#watching.restart(request).then((result) => answer(reply, result));
    });
    socket.on("keyframe", () => this.#watching.keyframe());
    socket.on("latency", (milliseconds) => this.#watching.latency(milliseconds));
    socket.on("leave", () => this.#watching.leave());
    socket.on("disconnect", () => {
      this.#follows++;
      this.#unfollow?.();
      this.#stopExpiring();
      this.#watching.leave();
      this.#operating.release();
    });
  }

  async #clock(): Promise<EpochMs> {
    return this.#followed?.clock?.() ?? this.#options.clock.now();
  }

  async #forbids(stream: string): Promise<Refusal | undefined> {
    const { request, handshake } = this.#socket;
    const verdict = await this.#options.guard.mayView(request, handshake.auth.token, stream);
    if ("why" in verdict) return { ok: false, code: "token", message: verdict.why };
    this.#stopExpiring();
    // The page reconnects by itself, and learns then that its token has ended.
    if (this.#socket.connected)
      this.#stopExpiring = verdict.whenOver(() => void this.#socket.disconnect(true));
    return undefined;
  }

  /** Whether it keeps to the request limit, and reads what it is sent. */
  #isWelcome(event: string): boolean {
    // The holder of a lease has a limit of its own.
    if (event === "control" && this.#operating.hasLease) return !this.#isBehind;
    const now = this.#options.clock.now();
    if (now - this.#windowStart >= REQUEST_WINDOW) {
      this.#windowStart = now;
      this.#requests = 0;
    }
    this.#requests++;
    return this.#requests <= MAX_REQUESTS && !this.#isBehind;
  }

  /** Whether it does not read: messages for it would pile up in memory. */
  get #isBehind(): boolean {
    const { writeBuffer } = this.#socket.conn as unknown as { readonly writeBuffer: readonly unknown[] };
    return writeBuffer.length > MAX_UNSENT;
  }

  #tell(info: StreamInfo): void {
    if (this.#isBehind) this.#socket.disconnect(true);
    else this.#socket.emit("stream", info);
  }

  async #follow(name: unknown): Promise<Reply<StreamInfo>> {
    const parsed = streamName.safeParse(name);
    if (!parsed.success) return NO_SUCH_STREAM;
    const follow = ++this.#follows;
    const forbidden = await this.#forbids(parsed.data);
    if (forbidden) return forbidden;
    const stream = this.#options.find(parsed.data);
    if (!stream || follow !== this.#follows) return NO_SUCH_STREAM;
    this.#track(parsed.data, stream);
    return { ok: true, value: stream.info() };
  }

  /** Sends the status of the stream that has the name now, each second and at each change. */
  #track(name: string, stream: SignaledStream): void {
    this.#unfollow?.();
    this.#followed = stream;
    const unlisten = stream.listen((info) => this.#tell(info));
    const stopTicking = this.#options.clock.every(1000, () => {
      // Another stream may have taken over the name.
      const now = this.#options.find(name) ?? stream;
      if (now !== stream) {
        this.#track(name, now);
        this.#watching.moved(name, now);
      }
      this.#tell(now.info());
    });
    this.#unfollow = () => {
      unlisten();
      stopTicking();
    };
  }
}

/** The page repeats the request. */
function noAnswer(): void {}

/** A page may send anything in place of the acknowledgement callback. */
function answer<T>(reply: unknown, value: T): void {
  if (typeof reply === "function") reply(value);
}
