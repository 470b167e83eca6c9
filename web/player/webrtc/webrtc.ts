/** WebRTC playback: one peer connection, from its offer to its end. */
import { FRAMES_CHANNEL } from "../../../src/shared/protocol.ts";
import type { LinkStats } from "../figures/player-stats.ts";
import type { Counters } from "../figures/rates.ts";
import { COUNT_INTERVAL_MS, type Playback, type PlaybackEvents } from "../playback/playback.ts";
import { readReport } from "../playback/report.ts";
import type { PlayerScreen } from "../playback/screen.ts";
import { type Cancel, epochOf, type Timers } from "../playback/timers.ts";
import { Silence, STALL_TIMEOUT_MS, Watchdog } from "../playback/watchdog.ts";
import { offerH264First, savesPowerByH264 } from "./codecs.ts";
import { CONFIGURATION, useIceServers } from "./ice.ts";
import { type RawReport, type RawStats, readLink } from "./link.ts";
import { onNetworkChange } from "./network.ts";
import type { Offers } from "./offers.ts";
import { Remedies, type Remedy } from "./remedies.ts";
import { Restarts } from "./restarts.ts";
import { troubleOf } from "./trouble.ts";

/** What the playback needs. */
export interface WebRtcOptions {
  readonly timers: Timers;
  readonly screen: PlayerScreen;
  readonly offers: Offers;
  /** Frames per second to expect; undefined while none are expected. */
  readonly expectedFps: () => number | undefined;
  /** Whether signaling still hears the server: if not, a new connection cannot be made either. */
  readonly hearsServer: () => boolean;
  readonly events: PlaybackEvents;
}

/** Whether this browser has WebRTC. */
export const hasWebRtc = (): boolean => typeof RTCPeerConnection === "function";

/** Opens a playback; it connects at once. */
export function openWebRtc(options: WebRtcOptions): Playback {
  return new WebRtcPlayback(options);
}

class WebRtcPlayback implements Playback {
  readonly #options: WebRtcOptions;
  readonly #events: PlaybackEvents;
  readonly #connection = new RTCPeerConnection(CONFIGURATION);
  readonly #transceiver: RTCRtpTransceiver;
  readonly #receiver: RTCRtpReceiver;
  readonly #video: HTMLVideoElement;
  /** The remedies handle a stuck decoder: no timeout for that here. */
  readonly #watchdog = new Watchdog(Number.POSITIVE_INFINITY);
  readonly #silence = new Silence();
  readonly #stall = new Silence(STALL_TIMEOUT_MS);
  readonly #remedies = new Remedies();
  readonly #stopCounting: Cancel;
  readonly #stopListening: Cancel;
  /** Set when the connection is first connected. */
  #restarts: Restarts | undefined;
  #shown = false;
  /** The browser refuses to play until the user presses Play. */
  #blocked = false;
  /** Nothing arrives: the picture on the screen is an old one. */
  #isSilent = false;
  /** Frames that came onto the screen, and frames decoded by the last count. */
  #presented = 0;
  #decoded = 0;
  #closed = false;

  constructor(options: WebRtcOptions) {
    this.#options = options;
    this.#events = options.events;
    this.#video = options.screen.addVideo();
    const connection = this.#connection;
    this.#transceiver = connection.addTransceiver("video", { direction: "recvonly" });
    this.#receiver = this.#transceiver.receiver;
    // Show each frame as soon as it is decoded: low latency matters more than smoothness.
    if ("jitterBufferTarget" in this.#receiver) this.#receiver.jitterBufferTarget = 0;
    this.#attach();
    // Part of the offer. Lost reports are not retransmitted: by then another frame is shown.
    const reports = connection.createDataChannel(FRAMES_CHANNEL, { ordered: false, maxRetransmits: 0 });
    reports.addEventListener("message", ({ data }) => {
      const report = readReport(data);
      if (report && !this.#closed) this.#events.reported(report);
    });
    connection.addEventListener("connectionstatechange", () => this.#connectionChanged());
    this.#stopListening = onNetworkChange(() => this.#restarts?.networkChanged());
    this.#stopCounting = options.timers.every(COUNT_INTERVAL_MS, () => void this.#count());
    this.#nextFrame();
    void this.#join();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopCounting();
    this.#stopListening();
    this.#restarts?.close();
    this.#options.screen.remove(this.#video, this.#shown);
    this.#connection.close();
  }

  resume(): void {
    void this.#play();
  }

  async trouble(): Promise<string | undefined> {
    const { connectionState, iceConnectionState: iceState } = this.#connection;
    const answer = this.#connection.remoteDescription?.sdp;
    const byRelay = this.#connection.getConfiguration().iceTransportPolicy === "relay";
    const outcome = { answer, connectionState, iceState, byRelay };
    const report = await this.#connection.getStats().catch(() => undefined);
    return report && troubleOf(report, outcome);
  }

  #attach(): void {
    this.#video.srcObject = new MediaStream([this.#receiver.track]);
  }

  async #join(): Promise<void> {
    try {
      if (await savesPowerByH264()) offerH264First(this.#transceiver);
      const offer = await this.#connection.createOffer();
      // The server learns this side's address from its packets, so the offer need not wait for candidates.
      const reply = await this.#options.offers.watch(offer.sdp ?? "");
      if (this.#closed) return;
      if (!reply.ok) {
        this.close();
        this.#events.refused(reply);
        return;
      }
      useIceServers(this.#connection, reply.value);
      await this.#connection.setLocalDescription(offer);
      await this.#connection.setRemoteDescription({ type: "answer", sdp: reply.value.answer });
      if (this.#closed) return;
      await this.#play();
    } catch {
      // No answer in time, or an invalid answer.
      this.#lose();
    }
  }

  /** Autoplay is refused with `NotAllowedError` (HTML, section 4.8.11.8), as iOS does in Low Power Mode. */
  async #play(): Promise<void> {
    try {
      this.#blocked = false;
      await this.#video.play();
    } catch (error) {
      if (this.#closed) return;
      if (!(error instanceof DOMException && error.name === "NotAllowedError")) return this.#lose();
      this.#blocked = true;
      this.#shown = false;
      this.#events.blocked();
    }
  }

  #connectionChanged(): void {
    if (this.#closed) return;
    const state = this.#connection.connectionState;
    if (state === "connected") {
      this.#restarts ??= this.#newRestarts();
      this.#events.connected();
    }
    if (state === "failed") void this.trouble().then((why) => this.#lose(why));
    if (state === "closed") this.#lose();
    if (state === "disconnected") this.#restarts?.networkChanged();
  }

  #newRestarts(): Restarts {
    return new Restarts({
      timers: this.#options.timers,
      connection: this.#connection,
      restart: (offer) => this.#options.offers.restart(offer),
      failed: () => this.#lose(),
    });
  }

  #nextFrame(): void {
    this.#video.requestVideoFrameCallback?.((now, metadata) => {
      if (this.#closed) return;
      this.#nextFrame();
      this.#presented++;
      this.#firstPicture();
      const { receiveTime, processingDuration } = metadata;
      // Firefox does not report the timestamp of the frame, but that of the frame it has played last.
      const rtpTimestamp =
        metadata.rtpTimestamp ?? this.#receiver.getSynchronizationSources()[0]?.rtpTimestamp;
      this.#events.shown(
        {
          shownAt: epochOf(Math.max(now, metadata.presentationTime)),
          receivedAt: receiveTime === undefined ? undefined : epochOf(receiveTime),
          decodeTime: processingDuration === undefined ? undefined : processingDuration * 1000,
        },
        rtpTimestamp === undefined ? undefined : { rtpTimestamp },
      );
    });
  }

  #firstPicture(): void {
    // A browser may show the first frame of a video that it does not play.
    if (this.#blocked || (this.#shown && !this.#isSilent)) return;
    this.#shown = true;
    this.#isSilent = false;
    this.#options.screen.reveal();
    this.#events.picture();
  }

  async #count(): Promise<void> {
    const report = await this.#connection.getStats().catch(() => undefined);
    if (!report || this.#closed) return;
    const inbound = readInbound(report, this.#options.timers.now());
    if (!inbound) return;
    const reportsFrames = !document.hidden && "requestVideoFrameCallback" in this.#video;
    const counters = { ...inbound.counters, presented: reportsFrames ? this.#presented : undefined };
    // A hidden page gets no frame callbacks, although frames arrive.
    if (counters.frames > this.#decoded && !reportsFrames) this.#firstPicture();
    this.#decoded = counters.frames;
    this.#events.counted(counters, {
      codec: inbound.codec,
      width: this.#video.videoWidth,
      height: this.#video.videoHeight,
      link: inbound.link,
    });
    const expected = this.#shown && !document.hidden ? this.#options.expectedFps() : undefined;
    if (this.#stall.begins({ ...counters, bytes: counters.frames }, expected)) {
      this.#isSilent = true;
      this.#events.silent();
    }
    if (this.#silence.begins(counters, expected)) this.#restarts?.networkChanged();
    const remedy = this.#remedies.next(counters, expected);
    if (remedy) this.#remedy(remedy);
    if (this.#watchdog.isStuck(counters, this.#options.hearsServer() ? expected : undefined)) this.#lose();
  }

  #remedy(remedy: Remedy): void {
    if (remedy === "keyframe") this.#options.offers.keyframe();
    else if (remedy === "reconnect") this.#lose();
    else {
      this.#attach();
      // If the browser refuses, the next remedy reconnects.
      this.#video.play().catch(() => {});
    }
  }

  #lose(why?: string): void {
    if (this.#closed) return;
    this.close();
    this.#events.lost(why);
  }
}

/** The members of `inbound-rtp` and `codec` that are read here. */
interface InboundStats extends RawStats {
  readonly kind?: string;
  readonly codecId?: string;
  readonly mimeType?: string;
  readonly bytesReceived?: number;
  readonly packetsReceived?: number;
  readonly packetsLost?: number;
  readonly framesDecoded?: number;
  readonly jitterBufferDelay?: number;
  readonly jitterBufferEmittedCount?: number;
  readonly totalDecodeTime?: number;
}

/** The counters of the incoming video; undefined before the first packet. Exported for its test. */
export function readInbound(
  report: RawReport,
  at: number,
): { readonly counters: Counters; readonly codec: string; readonly link: LinkStats } | undefined {
  const codecs = new Map<string, string>();
  const found: InboundStats[] = [];
  report.forEach((stats: InboundStats) => {
    if (stats.type === "codec") codecs.set(stats.id, (stats.mimeType ?? "").replace(/^video\//i, ""));
    if (stats.type === "inbound-rtp" && stats.kind === "video") found.push(stats);
  });
  const inbound = found[0];
  if (!inbound) return undefined;
  return {
    codec: codecs.get(inbound.codecId ?? "") ?? "",
    link: readLink(report, inbound),
    counters: {
      at,
      bytes: inbound.bytesReceived ?? 0,
      frames: inbound.framesDecoded ?? 0,
      bufferDelay: inbound.jitterBufferDelay,
      bufferFrames: inbound.jitterBufferEmittedCount,
      decodeTime: inbound.totalDecodeTime,
      packets: inbound.packetsReceived,
      lost: inbound.packetsLost,
    },
  };
}
