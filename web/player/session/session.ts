/**
 * The map of the viewer: one stream, from the first connection to the last picture.
 *
 * - The **socket** reconnects by itself. After each connect everything is asked for again: the stream is followed, its
 *   video is watched, the clocks are compared.
 * - **WebRTC** is tried at once, and again after each loss: {@link WebRtcAttempts}.
 * - **MJPEG** is shown while WebRTC does not work: {@link MjpegFallback}.
 *
 * The results are a {@link Model}, the figures of a {@link Meter}, and the telemetry of the frames that are shown. Nothing
 * here touches the DOM.
 */
import type { StreamInfo } from "../../../src/shared/protocol.ts";
import { Operator } from "../control/operator.ts";
import type { ShownTelemetry } from "../figures/frame.ts";
import { Meter } from "../figures/meter.ts";
import type { Playback, PlaybackEvents } from "../playback/playback.ts";
import type { Cancel, Timers } from "../playback/timers.ts";
import type { Offers } from "../webrtc/offers.ts";
import { MjpegFallback } from "./mjpeg-fallback.ts";
import { ModelStore } from "./model-store.ts";
import { PlaybackObserver } from "./observer.ts";
import type { Signaling, SignalingEvents } from "./signaling.ts";
import { initialModel, type Model } from "./state.ts";
import { TelemetryTrack } from "./telemetry.ts";
import { type OpenWebRtc, WebRtcAttempts } from "./webrtc-attempts.ts";

/** What the session acts through. */
export interface SessionPorts {
  readonly timers: Timers;
  readonly openSignaling: (events: SignalingEvents) => Signaling;
  /** Undefined if the browser has no WebRTC. */
  readonly openWebRtc: OpenWebRtc | undefined;
  readonly openMjpeg: (events: PlaybackEvents, expectedFps: () => number | undefined) => Playback;
  /** Whether this viewer has a token. */
  readonly hasToken: boolean;
  /** Called when the model or the description of the stream has changed. */
  readonly changed: () => void;
  /** Called when a frame with telemetry is on the screen. */
  readonly telemetry: (telemetry: ShownTelemetry) => void;
  /** 0 to 1; spreads the returns of viewers that were all lost at once. */
  readonly random?: () => number;
}

/** Clock questions right after a connect. */
const CONNECT_PINGS = 5;
/** A page that still loads answers late: the clock is asked each second at first, then each fifth. */
const LOADING_SECONDS = 10;
const PING_INTERVAL_SECONDS = 5;
/** The server's operator sees the latency of each viewer. */
const LATENCY_REPORT_INTERVAL_SECONDS = 3;

/** One viewer of one stream; it runs from its construction to {@link Session.close}. */
export class Session {
  readonly meter = new Meter();
  /** This page's control of the camera. */
  readonly operator: Operator;
  readonly #stream: string;
  readonly #ports: SessionPorts;
  readonly #store: ModelStore;
  readonly #telemetry: TelemetryTrack;
  readonly #fallback: MjpegFallback;
  readonly #webrtc: WebRtcAttempts;
  readonly #signaling: Signaling;
  readonly #stopClock: Cancel;
  /** Seconds since the last connect. */
  #seconds = 0;
  #closed = false;

  constructor(stream: string, ports: SessionPorts) {
    this.#stream = stream;
    this.#ports = ports;
    const { timers, openWebRtc, openMjpeg, hasToken, random = Math.random } = ports;
    const store = new ModelStore(
      { ...initialModel, webrtc: openWebRtc !== undefined },
      timers,
      ports.changed,
    );
    this.#store = store;
    this.#telemetry = new TelemetryTrack(ports.telemetry);
    const observer = new PlaybackObserver({ timers, store, meter: this.meter, telemetry: this.#telemetry });
    this.#fallback = new MjpegFallback({ timers, store, observer, openMjpeg, random });
    this.#webrtc = new WebRtcAttempts({
      timers,
      store,
      observer,
      fallback: this.#fallback,
      open: openWebRtc,
      offers: this.#offers(),
      follow: () => void this.#follow(),
      hasToken,
      random,
    });
    this.#signaling = ports.openSignaling({
      connected: () => this.#connected(),
      away: () => this.#away(),
      stream: (info) => this.#described(info),
      ended: () => this.#webrtc.ended(),
      refused: (refusal) => store.update({ server: "connecting", refusal }),
      stopping: () => store.update({ stopped: true }),
      lease: (lease) => this.operator.granted(lease),
      leaseEnded: (why) => this.operator.ended(why),
    });
    this.operator = new Operator(stream, { timers, signaling: this.#signaling, changed: ports.changed });
    this.#stopClock = timers.every(1000, () => this.#secondPassed());
  }

  /** Everything the state follows from. */
  get model(): Model {
    return this.#store.model;
  }

  /** The stream as the server describes it; undefined until it has. */
  get info(): StreamInfo | undefined {
    return this.#store.info;
  }

  /** The page was hidden and saw no frames: the measurements start over. */
  restartMeasuring(): void {
    const { picture, transport } = this.model;
    if (picture === "current") this.meter.begin(transport, this.#ports.timers.now());
  }

  /** Plays a video that the browser has blocked. Call it in the handler of a click, a tap or a key. */
  resume(): void {
    if (this.model.blocked) this.#webrtc.resume();
  }

  close(): void {
    this.#closed = true;
    this.#stopClock();
    this.#store.close();
    this.#webrtc.suspend();
    this.#fallback.close();
    this.#webrtc.close();
    this.#signaling.close();
  }

  #connected(): void {
    // The server does not know the old connection: the picture on the screen is an old one.
    this.#webrtc.close();
    this.#store.update({ server: "there", reached: true, stopped: false, refusal: undefined });
    this.meter.forgetServer();
    this.#telemetry.forgetServer();
    this.operator.forget();
    this.#seconds = 0;
    this.#webrtc.resetBackoff();
    this.#fallback.resetBackoff();
    void this.#pingOften();
    this.#webrtc.join();
    if (this.model.transport === "mjpeg") this.#fallback.open();
  }

  #away(): void {
    this.#webrtc.suspend();
    this.#fallback.suspend();
    this.#store.update({ server: "away" });
  }

  async #follow(): Promise<void> {
    // No answer needs no action: if the server is away, the socket reports it.
    const reply = await this.#signaling.follow(this.#stream).catch(() => undefined);
    if (this.#closed) return;
    if (reply && !reply.ok) return this.#webrtc.refused(reply);
    if (reply) this.#described(reply.value);
    if (this.#ports.openWebRtc) return;
    // With WebRTC the answer to the offer ends a refusal.
    if (reply) this.#store.update({ refusal: undefined });
    this.#webrtc.fallBack();
  }

  #described(info: StreamInfo): void {
    const before = this.#store.info?.viewers ?? 0;
    const isSeatFree = this.model.refusal?.code === "full" && info.viewers < before;
    const starts = info.state.kind === "live" && !this.#store.isSourceLive;
    this.meter.still = info.still === true;
    this.#store.describe(info);
    if (starts) this.#webrtc.sourceStarted();
    if (isSeatFree) this.#webrtc.seatFreed();
  }

  #offers(): Offers {
    return {
      watch: (offer) => this.#signaling.watch(this.#stream, offer),
      restart: async (offer) => {
        // A server that comes back does not know the connection; on a network that stalls, offers would pile up.
        if (!this.#store.isServerThere || !this.#store.hearsServer) throw new Error("The server is away");
        return this.#signaling.restart(offer);
      },
      keyframe: () => this.#signaling.keyframe(),
    };
  }

  #secondPassed(): void {
    this.#seconds++;
    if (this.#seconds <= LOADING_SECONDS || this.#seconds % PING_INTERVAL_SECONDS === 0) void this.#ping();
    if (this.#seconds % LATENCY_REPORT_INTERVAL_SECONDS === 0) this.#reportLatency();
  }

  #reportLatency(): void {
    const { transport, latency } = this.meter.stats(this.#ports.timers.now());
    if (this.#store.isServerThere && transport === "webrtc" && latency)
      this.#signaling.latency(Math.round(latency.median));
  }

  async #pingOften(): Promise<void> {
    for (let ping = 0; ping < CONNECT_PINGS && !this.#closed; ping++) await this.#ping();
  }

  async #ping(): Promise<void> {
    if (!this.#store.isServerThere) return;
    const { timers } = this.#ports;
    const sent = timers.now();
    const server = await this.#signaling.clock().catch(() => undefined);
    if (server !== undefined) this.meter.clock.add({ sent, server, received: timers.now() });
  }
}
