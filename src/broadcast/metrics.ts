/** The metrics of the server, in the Prometheus text format: stages are timed, frames and viewers are counted. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Millis } from "../base/clock.ts";
import { collectOperation, type OperationReadings } from "./operation-metrics.ts";
import type { ViewerCount } from "./viewer-records.ts";

/** The stages of a frame's way, in their order. */
export type Stage = "receive" | "decode" | "encode" | "send";

/** Histogram buckets in seconds, from half a millisecond. */
const SECOND_BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

/** Histogram buckets for a share of packets. */
const LOSS_BUCKETS = [0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/** Interval of the event loop's delay measurement, which wakes the process each time. */
const LOOP_DELAY_INTERVAL: Millis = 20;

/** What a scrape reads from each broadcast. */
export interface Readings {
  readonly name: string;
  readonly records: { counts(): readonly ViewerCount[] };
  info(): { readonly fps: number };
  counters(): Readonly<Record<string, number>>;
}

/** How packets reached one viewer since its last report. */
export interface ViewerReception {
  readonly roundTrip: Millis | undefined;
  readonly jitter: Millis;
  /** 0 to 1. */
  readonly fractionLost: number;
}

/** The metrics of one server, over all its broadcasts. */
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

  /**
   * Each of these is called at each scrape.
   * @param read the broadcasts.
   * @param readTransport counts datagrams by outcome.
   * @param readDecoders counts decoder processes by outcome.
   */
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
      buckets: SECOND_BUCKETS,
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
    this.#keyframeRequests = counter("keyframe_requests_total", "Keyframes requested by viewers");
    this.#refused = new Counter({
      name: "rendercast_refused_pictures_total",
      help: "Pictures that could not be shown",
      labelNames: ["reason"],
      registers,
    });
    this.#gone = new Counter({
      name: "rendercast_viewers_gone_total",
      help: "WebRTC viewers that left, by reason",
      labelNames: ["reason"],
      registers,
    });
    const reported = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name: `rendercast_viewer_${name}`, help, buckets, registers });
    this.#roundTrip = reported(
      "round_trip_seconds",
      "Round trip to a viewer, by its reports",
      SECOND_BUCKETS,
    );
    this.#jitter = reported(
      "jitter_seconds",
      "Jitter of the packets that reach a viewer, by its reports",
      SECOND_BUCKETS,
    );
    this.#lost = reported(
      "lost_ratio",
      "Share of the packets lost on the way to a viewer, by its reports",
      LOSS_BUCKETS,
    );
    collectBroadcasts(read, registers);
    collectCounts(
      "rendercast_datagrams_total",
      "Datagrams of all viewers, by what became of them",
      readTransport,
      registers,
    );
    collectCounts(
      "rendercast_decoder_processes_total",
      "Decoder processes, by what became of them",
      readDecoders,
      registers,
    );
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: LOOP_DELAY_INTERVAL });
  }

  /** Adds what the server depends on. Call it once. */
  addOperation(readings: OperationReadings): void {
    collectOperation(readings, [this.#registry]);
  }

  /** Records how long a frame took in a stage. */
  stage(stage: Stage, took: Millis): void {
    this.#stages.observe({ stage }, Math.max(0, took) / 1000);
  }

  /** Counts an encoded frame. @param rendition its name, such as `vp8/0`. */
  encoded(rendition: string, type: "key" | "delta", bytes: number, packets: number): void {
    this.#encoded.inc({ rendition, type });
    this.#bytes.inc({ rendition }, bytes);
    this.#packets.inc(packets);
  }

  /** Counts a picture that could not be shown. */
  refusedPicture(reason: string): void {
    this.#refused.inc({ reason });
  }

  /** Counts a viewer's request for a keyframe. */
  keyframeRequest(): void {
    this.#keyframeRequests.inc();
  }

  /** Records a viewer's report. */
  reception({ roundTrip, jitter, fractionLost }: ViewerReception): void {
    if (roundTrip !== undefined) this.#roundTrip.observe(roundTrip / 1000);
    this.#jitter.observe(jitter / 1000);
    this.#lost.observe(fractionLost);
  }

  /** Counts a WebRTC viewer that left. */
  viewerGone(reason: string): void {
    this.#gone.inc({ reason });
  }

  /** Collects all metrics. @returns the text, and its media type. */
  async scrape(): Promise<{ readonly type: string; readonly text: string }> {
    return { type: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}

/** Reads the viewers, frame rates and counters of the broadcasts at each scrape. */
function collectBroadcasts(read: () => readonly Readings[], registers: Registry[]): void {
  new Gauge({
    name: "rendercast_viewers",
    help: "Present viewers, by how they watch",
    labelNames: ["stream", "transport", "protocol", "rendition"],
    registers,
    collect() {
      this.reset();
      for (const broadcast of read())
        for (const { count, ...how } of broadcast.records.counts())
          this.set({ stream: broadcast.name, ...how }, count);
    },
  });
  new Gauge({
    name: "rendercast_source_fps",
    help: "Pictures per second from the source",
    labelNames: ["stream"],
    registers,
    collect() {
      this.reset();
      for (const broadcast of read()) this.set({ stream: broadcast.name }, broadcast.info().fps);
    },
  });
  new Counter({
    name: "rendercast_source_pictures_total",
    help: "Pictures, by what became of them",
    labelNames: ["stream", "outcome"],
    registers,
    collect() {
      this.reset();
      for (const broadcast of read())
        for (const [outcome, count] of Object.entries(broadcast.counters()))
          this.inc({ stream: broadcast.name, outcome }, count);
    },
  });
}

/** Reads counts that are kept elsewhere, by their outcome, at each scrape. */
function collectCounts(
  name: string,
  help: string,
  read: () => Readonly<Record<string, number>>,
  registers: Registry[],
): void {
  new Counter({
    name,
    help,
    labelNames: ["outcome"],
    registers,
    collect() {
      this.reset();
      for (const [outcome, count] of Object.entries(read())) this.inc({ outcome }, count);
    },
  });
}
