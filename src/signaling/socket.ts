/** Signaling over socket.io: who may watch, and how they meet. Nothing a page sends may stop the server. */
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
import { limitPackets, type RawConnection } from "./flood.ts";
import {
  NO_SUCH_STREAM,
  type Refusal,
  streamName,
  type WatchedStream,
  Watching,
  type WatchingOptions,
} from "./watching.ts";

/** A stream as signaling needs it. */
export interface SignaledStream extends WatchedStream {
  info(): StreamInfo;
  /** The time by which its frames are timed, where that is another server's; rejects where that does not answer. */
  clock?(): Promise<EpochMs>;
  listen(listener: (info: StreamInfo) => void): () => void;
}

/** What keeps sockets out. */
export interface SignalingGuard {
  /** Runs before every request of a socket, as an engine.io middleware. */
  readonly gate: Parameters<Server["engine"]["use"]>[0];
  /** The network address of who sends it, as {@link WatchingOptions.address}. */
  readonly addressOf: (request: IncomingMessage) => string;
  /** Why the page that sends a request may show no stream here, in a sentence; undefined where it may. */
  readonly refuses: (request: IncomingMessage) => string | undefined;
  /**
   * Whether who opened the socket by this request may watch the stream: what tells the end of that, or why not.
   * @param token what it gave at the socket's handshake.
   */
  readonly mayView: (
    request: IncomingMessage,
    token: unknown,
    stream: string,
  ) => Promise<{ readonly whenOver: WhenOver } | { readonly why: string }>;
}

export interface SignalingOptions extends Omit<WatchingOptions, "forbids" | "address"> {
  readonly clock: Clock;
  readonly guard: SignalingGuard;
  readonly find: (name: string) => SignaledStream | undefined;
}

export interface Signaling {
  /** Tells all pages that the server goes away on purpose. */
  tellStop(): void;
  close(): Promise<void>;
}

/** A page asks a dozen times as it opens, and then once in a while. */
const REQUEST_WINDOW: Millis = 10_000;
const MAX_REQUESTS = 100;

/** Messages that a page may have to take in. */
const MAX_UNREAD = 100;

type ViewerSocket = Socket<ClientToServerEvents, ServerToClientEvents>;

/** Serves signaling on the HTTP server, at socket.io's usual path. */
export function serveSignaling(http: HttpServer, options: SignalingOptions): Signaling {
  const { guard } = options;
  const io = new Server<ClientToServerEvents, ServerToClientEvents>(http, {
    serveClient: false,
    maxHttpBufferSize: 2 * MAX_OFFER_LENGTH,
    // A page that vanished is given up after twenty seconds. After a network that stalls for ten TCP may wait for some
    // more until it tries again: the page should keep its socket, and its video with it.
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

/** One page: the stream it follows, and its peer connection if it has one. */
class Connection {
  readonly #socket: ViewerSocket;
  readonly #options: SignalingOptions;
  #unfollow: (() => void) | undefined;
  #followed: SignaledStream | undefined;
  /** Counts what was asked to be followed: the last one counts. */
  #follows = 0;
  /** No longer waits for the end of the socket's token. */
  #stopExpiring: Cancel = () => {};
  readonly #watching: Watching;
  #windowStart = Number.NEGATIVE_INFINITY;
  #requests = 0;

  constructor(socket: ViewerSocket, options: SignalingOptions) {
    this.#socket = socket;
    this.#options = options;
    const forbids = (stream: string) => this.#forbids(stream);
    const address = options.guard.addressOf(socket.request);
    this.#watching = new Watching({ ...options, address, forbids }, (reason) => socket.emit("ended", reason));
    socket.use((_event, next) => {
      if (this.#isWelcome()) next();
      else socket.disconnect(true);
    });
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
    // The page comes again by itself, and is then told that its token has ended.
    if (this.#socket.connected)
      this.#stopExpiring = verdict.whenOver(() => void this.#socket.disconnect(true));
    return undefined;
  }

  /** Whether it asks for no more than a page does, and takes in what it is told. */
  #isWelcome(): boolean {
    const now = this.#options.clock.now();
    if (now - this.#windowStart >= REQUEST_WINDOW) {
      this.#windowStart = now;
      this.#requests = 0;
    }
    this.#requests++;
    return this.#requests <= MAX_REQUESTS && !this.#isBehind;
  }

  /** It does not read: what it is told would pile up in this process's memory. */
  get #isBehind(): boolean {
    const { writeBuffer } = this.#socket.conn as unknown as { readonly writeBuffer: readonly unknown[] };
    return writeBuffer.length > MAX_UNREAD;
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
    this.#tellOf(parsed.data, stream);
    return { ok: true, value: stream.info() };
  }

  /** Tells of the stream that has the name, whichever that is. */
  #tellOf(name: string, stream: SignaledStream): void {
    this.#unfollow?.();
    this.#followed = stream;
    const unlisten = stream.listen((info) => this.#tell(info));
    const stopTicking = this.#options.clock.every(1000, () => {
      // Another may have the name since the one that was followed was forgotten.
      const now = this.#options.find(name) ?? stream;
      if (now !== stream) {
        this.#tellOf(name, now);
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

/** The page asks again. */
function noAnswer(): void {}

/** A page may call without an acknowledgement, or with something else in its place. */
function answer<T>(reply: unknown, value: T): void {
  if (typeof reply === "function") reply(value);
}
