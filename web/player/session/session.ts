/**
 * The map of the viewer: one stream, from the first connection to the last picture.
 *
 * - The **socket** comes and goes by itself. Each time it connects, everything is asked anew: the
 *   stream is followed, its pictures are watched, the clock is compared.
 * - **WebRTC** is tried at once. If it shows nothing within 5 s, or is refused, the session falls back
 *   and tries it again and again behind that; its first picture ends the fallback. It moves to another
 *   network by itself; one that cannot is lost, and joined anew.
 * - **MJPEG** is read for as long as the session has fallen back, and asked again whenever it breaks.
 *
 * What comes of it is a {@link Model}, figures in a {@link Meter}, and the telemetry of what is shown.
 * Nothing here touches the DOM.
 */
import type {
  FrameReport,
  RefusalCode,
  Reply,
  SessionAnswer,
  StreamInfo,
} from "../../../src/signaling/protocol.ts";
import type { ShownTelemetry } from "../figures/frame.ts";
import { Meter } from "../figures/meter.ts";
import type { Transport } from "../figures/player-stats.ts";
import { reductionOf } from "../figures/rendition.ts";
import type { Playback, PlaybackEvents, Refusal } from "../playback/playback.ts";
import type { Cancel, Timers } from "../playback/timers.ts";
import { STALLED_AFTER } from "../playback/watchdog.ts";
import type { Offers } from "../webrtc/offers.ts";
import { Backoff } from "./backoff.ts";
import type { Signaling, SignalingEvents } from "./signaling.ts";
import { initialModel, type Model, withSource } from "./state.ts";
import { TelemetryTrack } from "./telemetry.ts";

/** What the session acts through. */
export interface SessionPorts {
  readonly timers: Timers;
  readonly openSignaling: (events: SignalingEvents) => Signaling;
  /** Undefined where the browser has no WebRTC. */
  readonly openWebRtc:
    | ((
        events: PlaybackEvents,
        offers: Offers,
        expectedFps: () => number | undefined,
        hearsServer: () => boolean,
      ) => Playback)
    | undefined;
  readonly openMjpeg: (events: PlaybackEvents, expectedFps: () => number | undefined) => Playback;
  /** Whether this viewer brings a token: without one, asking again for what takes one is in vain. */
  readonly hasToken: boolean;
  /** The model or the description of the stream has changed. */
  readonly changed: () => void;
  /** A frame that has data is on the screen. */
  readonly telemetry: (telemetry: ShownTelemetry) => void;
  /** From 0 to 1, by which viewers that were all lost at once come back one after the other. */
  readonly random?: () => number;
}

/** How long WebRTC has to show a picture. */
export const PICTURE_WITHIN = 5000;
/** A playback that lived for so long was a good one: losing it is no reason to wait before the next. */
const GOOD_AFTER = 10_000;
/** The server describes the stream each second: sooner than a picture is missed, it is known whether anything comes. */
const HEARD_WITHIN = 2000;
/** Those that wait for a seat take it one after the other. */
const ROOM_WITHIN = 1000;
/** Who is refused so is not let in by MJPEG either, and each such request would be an error in the console. */
const REFUSED_BY_ALL_WAYS: readonly RefusalCode[] = ["no-such-stream", "full", "token"];
const QUICK_PINGS = 5;
/** A rendition below the best for so long is worth a word. */
const SLOW_AFTER = 3000;
/** Seconds between telling the server what is measured: whoever runs it sees how its viewers fare. */
const TELLS_EVERY = 3;

/** A page that still loads answers late: so the clock is asked each second at first, then each fifth. */
const LOADING_FOR = 10;

/** Where one playback stands. */
interface Attempt {
  playback: Playback | undefined;
  /** When the server was reached this way: a picture of before has only stood still until then. */
  connectedAt: number | undefined;
  pictureAt: number | undefined;
  /** How many had come when they were counted last. */
  bytes?: number;
}

/** One viewer of one stream; it runs from its construction to {@link Session.close}. */
export class Session {
  readonly meter = new Meter();
  readonly #stream: string;
  readonly #ports: SessionPorts;
  readonly #signaling: Signaling;
  /** Between tries of WebRTC where it does not connect. */
  readonly #retry: Backoff;
  /** Before joining again what was lost or refused. */
  readonly #rejoin: Backoff;
  readonly #mjpegAgain: Backoff;
  readonly #telemetry: TelemetryTrack;
  readonly #stopClock: Cancel;
  #stopWebRtcTimer: Cancel | undefined;
  #stopMjpegTimer: Cancel | undefined;
  #model: Model;
  #info: StreamInfo | undefined;
  #webrtc: Attempt | undefined;
  #mjpeg: Attempt | undefined;
  /** Since the server was reached. */
  #seconds = 0;
  #heardAt = Number.NEGATIVE_INFINITY;
  #reducedSince: number | undefined;
  #closed = false;

  constructor(stream: string, ports: SessionPorts) {
    this.#stream = stream;
    this.#ports = ports;
    this.#model = { ...initialModel, webrtc: ports.openWebRtc !== undefined };
    const { random = Math.random } = ports;
    this.#retry = new Backoff({ first: PICTURE_WITHIN, max: 60_000, random });
    this.#rejoin = new Backoff({ first: 250, max: 30_000, random });
    this.#mjpegAgain = new Backoff({ first: 500, max: 15_000, random });
    this.#telemetry = new TelemetryTrack(ports.telemetry);
    this.#signaling = ports.openSignaling({
      connected: () => this.#connected(),
      away: () => this.#away(),
      stream: (info) => this.#described(info),
      ended: () => this.#webrtcEnded(),
      refused: (refusal) => this.#update({ server: "connecting", refusal }),
      stopping: () => this.#update({ stopped: true }),
    });
    this.#stopClock = ports.timers.every(1000, () => {
      this.#seconds++;
      if (this.#seconds <= LOADING_FOR || this.#seconds % 5 === 0) void this.#ping();
      if (this.#seconds % TELLS_EVERY === 0) this.#tellLatency();
    });
  }

  #tellLatency(): void {
    const { transport, latency } = this.meter.stats(this.#ports.timers.now());
    const isHeard = this.#model.server === "there";
    if (isHeard && transport === "webrtc" && latency) this.#signaling.latency(Math.round(latency.median));
  }

  /** Everything the state follows from. */
  get model(): Model {
    return this.#model;
  }

  /** The stream as the server describes it; undefined until it has. */
  get info(): StreamInfo | undefined {
    return this.#info;
  }

  /** The page was hidden, where frames come and none is told of: what is measured begins anew. */
  seenAgain(): void {
    if (this.#model.picture === "current") this.meter.begin(this.#model.transport, this.#ports.timers.now());
  }

  close(): void {
    this.#closed = true;
    this.#stopClock();
    this.#stopWebRtcTimer?.();
    this.#closeMjpeg();
    this.#closeWebRtc();
    this.#signaling.close();
  }

  // The server

  #connected(): void {
    // The server knows nothing of the old connection: what it showed last is an old picture.
    this.#closeWebRtc();
    this.#update({ server: "there", reached: true, stopped: false, refusal: undefined });
    this.meter.forgetServer();
    this.#telemetry.forgetServer();
    this.#seconds = 0;
    this.#retry.reset();
    this.#rejoin.reset();
    this.#mjpegAgain.reset();
    void this.#pingQuickly();
    this.#join();
    if (this.#model.transport === "mjpeg" && !this.#mjpeg) this.#openMjpeg();
  }

  #away(): void {
    this.#stopWebRtcTimer?.();
    this.#stopMjpegTimer?.();
    this.#update({ server: "away" });
  }

  async #follow(): Promise<void> {
    // No answer is no news: if the server is away, the socket tells.
    const reply = await this.#signaling.follow(this.#stream).catch(() => undefined);
    if (this.#closed) return;
    if (reply && !reply.ok) return this.#refused(reply);
    if (reply) this.#described(reply.value);
    if (this.#ports.openWebRtc) return;
    // With WebRTC it is the answer to the offer that ends a refusal.
    if (reply) this.#update({ refusal: undefined });
    this.#fallBack();
  }

  #described(info: StreamInfo): void {
    this.#heardAt = this.#ports.timers.now();
    const hasRoom = this.#model.refusal?.code === "full" && info.viewers < (this.#info?.viewers ?? 0);
    const wakes = info.state.kind === "live" && this.#model.source?.kind !== "live";
    this.#info = info;
    this.meter.still = info.still === true;
    this.#model = { ...withSource(this.#model, info.state), problem: info.problem };
    this.#ports.changed();
    // Only from now on are pictures due.
    if (wakes && this.#model.transport === "webrtc" && this.#webrtc && !this.#webrtc.pictureAt) {
      this.#expectPicture();
    }
    // Whoever left made room; the others that wait have seen it too.
    if (hasRoom && !this.#webrtc) this.#joinAfter(ROOM_WITHIN * (this.#ports.random ?? Math.random)());
  }

  async #pingQuickly(): Promise<void> {
    for (let ping = 0; ping < QUICK_PINGS && !this.#closed; ping++) await this.#ping();
  }

  async #ping(): Promise<void> {
    if (this.#model.server !== "there") return;
    const { timers } = this.#ports;
    const sent = timers.now();
    const server = await this.#signaling.clock().catch(() => undefined);
    if (server !== undefined) this.meter.clock.add({ sent, server, received: timers.now() });
  }

  // WebRTC

  /** Asks for everything: the stream's description where it is missing, and its pictures. */
  #join(): void {
    this.#closeWebRtc();
    void this.#follow();
    const { openWebRtc } = this.#ports;
    if (!openWebRtc) return;
    const attempt: Attempt = { playback: undefined, connectedAt: undefined, pictureAt: undefined };
    this.#webrtc = attempt;
    attempt.playback = openWebRtc(
      {
        ...this.#playbackEvents("webrtc", attempt),
        picture: () => this.#webrtcShows(attempt),
        refused: (refusal) => this.#refused(refusal),
        lost: (why) => this.#webrtcLost(attempt, why),
      },
      {
        watch: (offer) => this.#watch(offer),
        restart: (offer) => this.#restart(offer),
        keyframe: () => this.#signaling.keyframe(),
      },
      () => this.#expectedFps(),
      () => this.#hearsServer,
    );
    if (this.#model.transport === "mjpeg") this.#joinAfter(this.#retry.next());
    else this.#expectPicture();
  }

  async #watch(offer: string): Promise<Reply<SessionAnswer>> {
    const reply = await this.#signaling.watch(this.#stream, offer);
    if (reply.ok && this.#model.refusal) {
      this.#update({ refusal: undefined });
      if (this.#model.transport === "mjpeg" && !this.#mjpeg) this.#openMjpeg();
    }
    return reply;
  }

  async #restart(offer: string): Promise<Reply<SessionAnswer>> {
    // Once it is back, it knows nothing of the connection. On a network that stalls, offers would pile up.
    if (this.#model.server !== "there" || !this.#hearsServer) throw new Error("The server is away");
    return this.#signaling.restart(offer);
  }

  get #hearsServer(): boolean {
    return this.#ports.timers.now() - this.#heardAt < HEARD_WITHIN;
  }

  #expectPicture(): void {
    this.#webrtcTimer(PICTURE_WITHIN, () => {
      // Connected, and only the source has nothing to show: then neither would MJPEG.
      const idle = this.#webrtc?.connectedAt !== undefined && this.#model.source?.kind !== "live";
      if (idle) {
        this.#expectPicture();
        return;
      }
      const { playback } = this.#webrtc ?? {};
      void playback?.trouble?.().then((trouble) => this.#update({ trouble }));
      this.#fallBack();
    });
  }

  #webrtcShows(attempt: Attempt): void {
    attempt.pictureAt = this.#ports.timers.now();
    this.#stopWebRtcTimer?.();
    this.#retry.reset();
    this.#closeMjpeg();
    this.meter.begin("webrtc", attempt.connectedAt ?? attempt.pictureAt);
    this.#update({
      transport: "webrtc",
      picture: "current",
      refusal: undefined,
      stalled: undefined,
      trouble: undefined,
    });
  }

  #webrtcEnded(): void {
    const attempt = this.#webrtc;
    if (!attempt) return;
    this.#closeWebRtc();
    this.#webrtcLost(attempt);
  }

  #webrtcLost(attempt: Attempt, trouble?: string): void {
    if (this.#webrtc === attempt) this.#webrtc = undefined;
    if (attempt.pictureAt === undefined) {
      if (trouble !== undefined) this.#update({ trouble });
      // In the fallback the next try is due anyway.
      if (this.#model.transport === "webrtc" && this.#model.server === "there") this.#fallBack();
      return;
    }
    if (this.#ports.timers.now() - attempt.pictureAt > GOOD_AFTER) this.#rejoin.reset();
    this.#update({ picture: "old" });
    this.#joinAfter(this.#rejoin.next());
  }

  #refused(refusal: Refusal): void {
    this.#closeWebRtc();
    this.#update({ refusal: { code: refusal.code, message: refusal.message } });
    if (this.#mayUseMjpeg && this.#model.transport === "webrtc") this.#fallBack();
    // The server may be started anew without one: then the socket comes anew too.
    if (refusal.code === "token" && !this.#ports.hasToken) this.#stopWebRtcTimer?.();
    else this.#joinAfter(this.#rejoin.next());
  }

  #joinAfter(delay: number): void {
    if (this.#model.server === "there") this.#webrtcTimer(delay, () => this.#join());
  }

  #webrtcTimer(delay: number, run: () => void): void {
    this.#stopWebRtcTimer?.();
    this.#stopWebRtcTimer = this.#ports.timers.after(delay, run);
  }

  #closeWebRtc(): void {
    const attempt = this.#webrtc;
    if (!attempt) return;
    this.#webrtc = undefined;
    attempt.playback?.close();
    if (attempt.pictureAt !== undefined) this.#update({ picture: "old" });
  }

  // MJPEG

  /** From now on by MJPEG, while WebRTC is tried behind it. */
  #fallBack(): void {
    this.#update({ transport: "mjpeg" });
    if (!this.#mjpeg) this.#openMjpeg();
    if (this.#ports.openWebRtc) this.#joinAfter(this.#retry.next());
  }

  #openMjpeg(): void {
    this.#stopMjpegTimer?.();
    const attempt: Attempt = { playback: undefined, connectedAt: undefined, pictureAt: undefined };
    this.#mjpeg = attempt;
    const over = () => this.#mjpegLost(attempt);
    attempt.playback = this.#ports.openMjpeg(
      {
        ...this.#playbackEvents("mjpeg", attempt),
        picture: () => {
          attempt.pictureAt = this.#ports.timers.now();
          this.#mjpegAgain.reset();
          this.meter.begin("mjpeg", attempt.connectedAt ?? attempt.pictureAt);
          this.#update({ picture: "current", stalled: undefined });
        },
        refused: over,
        lost: over,
      },
      () => this.#expectedFps(),
    );
  }

  #mjpegLost(attempt: Attempt): void {
    this.#mjpeg = undefined;
    if (attempt.pictureAt !== undefined) this.#update({ picture: "old" });
    if (this.#model.server !== "there" || !this.#mayUseMjpeg) return;
    this.#stopMjpegTimer = this.#ports.timers.after(this.#mjpegAgain.next(), () => this.#openMjpeg());
  }

  get #mayUseMjpeg(): boolean {
    const { refusal } = this.#model;
    return refusal === undefined || !REFUSED_BY_ALL_WAYS.includes(refusal.code);
  }

  #closeMjpeg(): void {
    this.#stopMjpegTimer?.();
    this.#mjpeg?.playback?.close();
    this.#mjpeg = undefined;
  }

  // Both

  /** What every playback tells alike; the figures count only from the one that is on the screen. */
  #playbackEvents(transport: Transport, attempt: Attempt) {
    const live = () => this.#model.source?.kind === "live";
    const onScreen = () => attempt.pictureAt !== undefined && this.#model.transport === transport;
    return {
      connected: () => {
        attempt.connectedAt ??= this.#ports.timers.now();
      },
      silent: () => {
        if (onScreen()) this.#update({ picture: "old", stalled: this.#stalled() });
      },
      reported: (report: FrameReport) => {
        this.meter.reported(report);
        this.#telemetry.reported(report);
      },
      shown: (...[shown, frame, telemetry]: Parameters<PlaybackEvents["shown"]>) => {
        if (!onScreen()) return;
        // A source that rests has its last picture sent again: how old that is says nothing.
        if (live()) this.meter.shown(shown, frame);
        if (telemetry) this.#telemetry.came(shown, telemetry);
        else if (frame && "rtpTimestamp" in frame) this.#telemetry.shown(shown, frame.rtpTimestamp);
      },
      counted: (...counted: Parameters<PlaybackEvents["counted"]>) => {
        if (!onScreen()) return;
        // A connection that only has not noticed yet that the server is gone has no figures.
        const [{ bytes }] = counted;
        if (this.#model.server === "away" && bytes === attempt.bytes) return;
        attempt.bytes = bytes;
        this.meter.counted(...counted, live() && !this.#model.stalled);
        const { path } = counted[1].link ?? {};
        const byTcp = path?.protocol === "tcp" && path.candidate !== "relay" ? path.server : undefined;
        if (byTcp !== this.#model.byTcp) this.#update({ byTcp });
        const slow = this.#slow();
        if (slow !== this.#model.slow) this.#update({ slow });
        const { stalled } = this.#model;
        if (stalled && stalled.serverHeard !== this.#hearsServer) this.#update({ stalled: this.#stalled() });
      },
    };
  }

  /** Since when; once it is noticed. */
  #stalled(): Model["stalled"] {
    const now = this.#ports.timers.now() + (this.meter.clock.best?.offset ?? 0);
    const since = this.#model.stalled?.since ?? now - STALLED_AFTER;
    return { since, serverHeard: this.#hearsServer };
  }

  /** Not at once: some of what takes a rendition down is over as soon as it is noticed. */
  #slow(): Model["slow"] {
    const now = this.#ports.timers.now();
    const reduction = reductionOf(this.meter.level ?? 0, this.#info);
    this.#reducedSince = reduction && (this.#reducedSince ?? now);
    const isLong = this.#reducedSince !== undefined && now - this.#reducedSince >= SLOW_AFTER;
    return isLong ? reduction : undefined;
  }

  #expectedFps(): number | undefined {
    const live = this.#model.server === "there" && this.#info?.state.kind === "live";
    return live ? this.#info?.fps : undefined;
  }

  #update(change: Partial<Model>): void {
    if (this.#closed) return;
    this.#model = { ...this.#model, ...change };
    this.#ports.changed();
  }
}
