/** What `/metrics` tells: every stage timed, every frame and viewer counted (Prometheus text format). */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Millis } from "../base/clock.ts";
import type { ViewerCount } from "./viewer-records.ts";

/** The server's stages, in the order of a frame's way. */
export type Stage = "receive" | "decode" | "encode" | "send";

const SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

const LOSSES = [0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/** How finely the event loop's delay is measured: it wakes the process so often. */
const LOOP_PRECISION: Millis = 20;

/** What is read off each broadcast when somebody asks. */
export interface Readings {
  readonly name: string;
  viewerCounts(): readonly ViewerCount[];
  info(): { readonly fps: number };
  counters(): Readonly<Record<string, number>>;
}

/** Of one viewer, since its last report. */
export interface ViewerReception {
  readonly roundTrip: Millis | undefined;
  readonly jitter: Millis;
  /** 0 to 1. */
  readonly fractionLost: number;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #stages: Histogram<"stage">;
  readonly #encoded: Counter<"rendition" | "type">;
  readonly #bytes: Counter<"rendition">;
  readonly #packets: Counter;
  readonly #refused: Counter<"reason">;
  readonly #keyframeRequests: Counter;
  readonly #gone: Counter<"reason">;
  readonly #roundTrip: Histogram;
  readonly #jitter: Histogram;
  readonly #lost: Histogram;

  /** @param read of the broadcasts, `readTransport` of their transport, `readDecoders` of their decoders: called at each scrape. */
  constructor(
    read: () => readonly Readings[],
    readTransport: () => Readonly<Record<string, number>> = () => ({}),
    readDecoders: () => Readonly<Record<string, number>> = () => ({}),
  ) {
    const registers = [this.#registry];
    const counter = (name: string, help: string) =>
      new Counter({ name: `rendercast_${name}`, help, registers });
    this.#stages = new Histogram({
      name: "rendercast_stage_seconds",
      help: "Time a frame spent in each stage",
      labelNames: ["stage"],
      buckets: SECONDS,
      registers,
    });
    this.#encoded = new Counter({
      name: "rendercast_encoded_frames_total",
      help: "Encoded frames by rendition (codec and level) and type",
      labelNames: ["rendition", "type"],
      registers,
    });
    this.#bytes = new Counter({
      name: "rendercast_encoded_bytes_total",
      help: "Bytes of encoded video by rendition, before packets and viewers",
      labelNames: ["rendition"],
      registers,
    });
    this.#packets = counter("media_packets_total", "RTP packets made, before viewers");
    this.#keyframeRequests = counter("keyframe_requests_total", "Keyframes asked for by viewers");
    this.#refused = new Counter({
      name: "rendercast_refused_pictures_total",
      help: "Pictures that could not be shown",
      labelNames: ["reason"],
      registers,
    });
    this.#gone = new Counter({
      name: "rendercast_viewers_gone_total",
      help: "WebRTC viewers that went, by reason",
      labelNames: ["reason"],
      registers,
    });
    const reported = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name: `rendercast_viewer_${name}`, help, buckets, registers });
    this.#roundTrip = reported("round_trip_seconds", "Round trip to a viewer, by its reports", SECONDS);
    this.#jitter = reported(
      "jitter_seconds",
      "Jitter of the packets that reach a viewer, by its reports",
      SECONDS,
    );
    this.#lost = reported("lost_ratio", "Share of the packets that do not, by its reports", LOSSES);
    new Gauge({
      name: "rendercast_viewers",
      help: "Viewers now, by how they watch",
      labelNames: ["stream", "transport", "protocol", "rendition"],
      registers,
      collect() {
        this.reset();
        for (const broadcast of read())
          for (const { count, ...how } of broadcast.viewerCounts())
            this.set({ stream: broadcast.name, ...how }, count);
      },
    });
    new Gauge({
      name: "rendercast_source_fps",
      help: "Pictures a second from the source",
      labelNames: ["stream"],
      registers,
      collect() {
        this.reset();
        for (const broadcast of read()) this.set({ stream: broadcast.name }, broadcast.info().fps);
      },
    });
    // Counted where it happens, and read off here.
    new Counter({
      name: "rendercast_datagrams_total",
      help: "Datagrams of all viewers by what became of them",
      labelNames: ["outcome"],
      registers,
      collect() {
        this.reset();
        for (const [outcome, count] of Object.entries(readTransport())) this.inc({ outcome }, count);
      },
    });
    new Counter({
      name: "rendercast_decoder_processes_total",
      help: "Processes that decode what the server itself does not, by what became of them",
      labelNames: ["outcome"],
      registers,
      collect() {
        this.reset();
        for (const [outcome, count] of Object.entries(readDecoders())) this.inc({ outcome }, count);
      },
    });
    new Counter({
      name: "rendercast_source_pictures_total",
      help: "Pictures by what became of them",
      labelNames: ["stream", "outcome"],
      registers,
      collect() {
        this.reset();
        for (const broadcast of read())
          for (const [outcome, count] of Object.entries(broadcast.counters()))
            this.inc({ stream: broadcast.name, outcome }, count);
      },
    });
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: LOOP_PRECISION });
  }

  stage(stage: Stage, took: Millis): void {
    this.#stages.observe({ stage }, Math.max(0, took) / 1000);
  }

  /** @param rendition its name. */
  encoded(rendition: string, type: "key" | "delta", bytes: number, packets: number): void {
    this.#encoded.inc({ rendition, type });
    this.#bytes.inc({ rendition }, bytes);
    this.#packets.inc(packets);
  }

  refusedPicture(reason: string): void {
    this.#refused.inc({ reason });
  }

  keyframeRequest(): void {
    this.#keyframeRequests.inc();
  }

  /** What a viewer reports of its reception. */
  reception({ roundTrip, jitter, fractionLost }: ViewerReception): void {
    if (roundTrip !== undefined) this.#roundTrip.observe(roundTrip / 1000);
    this.#jitter.observe(jitter / 1000);
    this.#lost.observe(fractionLost);
  }

  viewerGone(reason: string): void {
    this.#gone.inc({ reason });
  }

  /** The text of a scrape, and its media type. */
  async scrape(): Promise<{ readonly type: string; readonly text: string }> {
    return { type: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}
