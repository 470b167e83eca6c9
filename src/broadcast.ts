/**
 * One published picture and its viewers: the map of a frame's way, and the only file that joins the stages.
 *
 *   source ─▶ SourceFrame ─▶ decode ─▶ RawFrame ─▶ rendition ─▶ EncodedFrame ─▶ packetizer ─▶ viewers
 *                                          └─────▶ JPEG ─▶ MJPEG clients
 *
 * Each stage runs beside the others and takes the newest frame when it is free. Nothing is decoded or
 * encoded while nobody watches.
 */
import type { ServerResponse } from "node:http";
import { DecodeError, Decoder } from "./encoder/decode.ts";
import type { VideoEncoder } from "./encoder/encoder.ts";
import { Renditions } from "./encoder/renditions.ts";
import { Use } from "./encoder/slots.ts";
import type { Feed } from "./forward/feed.ts";
import { type Codec, type EncodedFrame, type RenditionId, renditionName, type SourceFrame } from "./frame.ts";
import { KeyframeBudget } from "./keyframe-budget.ts";
import { Latest } from "./latest.ts";
import type { Log } from "./log.ts";
import { giveBack } from "./memory.ts";
import { RateMeter } from "./meter.ts";
import type { Metrics } from "./metrics.ts";
import { type Picture, toJpeg, toThumbnail } from "./picture.ts";
import { Refusals } from "./refusals.ts";
import type { Seats } from "./seats.ts";
import type { SourceState, StreamInfo, ViewerInfo } from "./signaling/protocol.ts";
import type { Watched } from "./signaling/watching.ts";
import { Snapshots } from "./snapshots.ts";
import type { Source, SourceSink } from "./source/source.ts";
import { TelemetryFeed } from "./telemetry-feed.ts";
import type { Clock } from "./timing.ts";
import { type JpegFrame, MjpegStream } from "./transport/mjpeg.ts";
import type { Audience, Viewer, ViewerEvents } from "./transport/viewer.ts";
import { type ViewerCount, type ViewerRecord, ViewerRecords } from "./viewer-records.ts";

/** Frames a second to plan for until the source's own rate is known. */
const ASSUMED_FPS = 20;

export interface BroadcastOptions {
  readonly name: string;
  readonly source: Source;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Makes an encoder, not yet open. */
  readonly encoder: (codec: Codec) => VideoEncoder;
  /** Its viewers by WebRTC. */
  readonly audience: Audience;
  /** Bits a second; undefined chooses by size and frame rate. */
  readonly bitrate: number | undefined;
  readonly maxPixels: number;
  /** Room for viewers of both kinds, over all broadcasts. */
  readonly seats: Seats;
  readonly log: Log;
}

/** The picture as it is, or one to know the stream by. */
export type SnapshotSize = "full" | "thumbnail";

/** What a viewer is sent, and what it is to be sent from the next keyframe on. */
interface Levels {
  has: number;
  wants: number;
}

/** Where frames are handed on to, besides the viewers. */
interface Forward {
  readonly codec: Codec;
  readonly levels: readonly number[];
  readonly take: (frame: EncodedFrame) => void;
}

export class Broadcast implements SourceSink {
  readonly #options: BroadcastOptions;
  /** What the frames say besides their pictures. */
  readonly telemetry = new TelemetryFeed(() => this.#demandChanged());
  /** Everybody let in by WebRTC, connected or not yet. */
  readonly #admitted = new Set<Viewer>();
  /** Those of them that are connected: the ones to encode for. */
  readonly #viewers = new Map<Viewer, Levels>();
  readonly #records: ViewerRecords;
  readonly #forwards = new Set<Forward>();
  readonly #listeners = new Set<(info: StreamInfo) => void>();
  readonly #sourceRate: RateMeter;
  readonly #mjpeg: MjpegStream;
  /** What its pictures take of this process. */
  readonly #use: Use;
  readonly #decoder: Decoder;
  readonly #decoding = new Latest<SourceFrame>((frame) => this.#decode(frame));
  readonly #jpegs = new Latest<Picture>((job) => this.#sendJpeg(job));
  readonly #refusals: Refusals;
  readonly #renditions: Renditions;
  /** What is wrong at the source. */
  #sourceProblem: string | undefined;
  #state: SourceState = { kind: "waiting" };
  /** The newest picture that came while nobody watched, not yet decoded. */
  #unseen: SourceFrame | undefined;
  /** The newest picture that proved sound. */
  #shown: Picture | undefined;
  /** Since when somebody watches: has a picture been shown? */
  #attended: "unwatched" | "watched" | "shown" = "unwatched";
  /** Whether it had stood still when it last came. */
  #still = false;
  /** Snapshots that are being taken. */
  readonly #taking = new Map<SnapshotSize, Promise<JpegFrame | undefined>>();
  readonly #snapshots: Snapshots<Picture>;
  #closed = false;

  constructor(options: BroadcastOptions) {
    this.#options = options;
    this.#records = new ViewerRecords(options.clock);
    this.#sourceRate = new RateMeter(options.clock);
    this.#mjpeg = new MjpegStream(options.clock);
    this.#use = new Use(options.clock);
    this.#decoder = new Decoder(options.maxPixels, options.clock, this.#use);
    this.#refusals = new Refusals(options.clock, (line) => options.log(`${options.name}: ${line}`));
    const { clock, encoder, bitrate, log } = options;
    this.#renditions = new Renditions({
      clock,
      encoder,
      bitrate,
      log,
      fps: () => this.#sourceRate.rate || ASSUMED_FPS,
      picture: () => (this.#attended === "shown" ? this.#shown?.raw : undefined),
      emit: (frame) => this.#send(frame),
    });
    this.#snapshots = new Snapshots({
      clock: options.clock,
      last: () => this.#shown,
      changed: () => this.#demandChanged(),
    });
  }

  get name(): string {
    return this.#options.name;
  }

  /** @throws what the source says, a sentence for the user. */
  async start(): Promise<void> {
    await this.#options.source.start(this);
    this.#demandChanged();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#decoding.close();
    this.#decoder.close();
    this.#jpegs.close();
    for (const viewer of [...this.#admitted]) viewer.close("the server stops");
    this.#mjpeg.close();
    this.#renditions.keep([]);
    await this.#options.source.close();
  }

  // ---- From the source ----

  frame(frame: SourceFrame): void {
    if (this.#closed) return;
    this.#sourceRate.count();
    this.problem(undefined);
    this.telemetry.tell(frame);
    if (this.#attended === "unwatched") {
      if (this.#unseen) giveBack(this.#unseen.data);
      this.#unseen = frame;
      return;
    }
    this.#options.metrics.stage("receive", frame.timings.received - frame.timings.captured);
    this.#decoding.push(frame);
  }

  state(state: SourceState): void {
    if (this.#closed) return;
    this.#state = state;
    this.#tell();
  }

  problem(sentence: string | undefined): void {
    if (this.#closed || sentence === this.#sourceProblem) return;
    this.#sourceProblem = sentence;
    this.#tell();
  }

  // ---- Through the stages ----

  async #decode(frame: SourceFrame): Promise<void> {
    const { metrics } = this.#options;
    try {
      const raw = frame.kind === "raw" ? frame : await this.#decoder.decode(frame);
      metrics.stage("decode", (raw.timings.decoded ?? raw.timings.received) - raw.timings.received);
      this.#picture({ raw, source: frame });
    } catch (error) {
      // A torn picture is an everyday event: the last good one stays.
      const why = error instanceof DecodeError ? error.why : "failed";
      metrics.refusedPicture(why);
      const sentence = error instanceof Error ? error.message : String(error);
      if (this.#refusals.refused(sentence, why === "too_slow")) this.#tell();
      if (this.#attended === "watched" && this.#shown) this.#show(this.#shown);
    }
  }

  #picture(picture: Picture): void {
    if (this.#closed) return;
    this.#show(picture);
    this.#snapshots.offer(picture);
  }

  /** Shows a picture to everybody; it need not be a new one. */
  #show(picture: Picture): void {
    const healed = this.#refusals.shown();
    const resized =
      this.#shown?.raw.width !== picture.raw.width || this.#shown.raw.height !== picture.raw.height;
    this.#shown = picture;
    if (this.#attended === "watched") this.#attended = "shown";
    if (this.#mjpeg.viewers > 0) this.#jpegs.push(picture);
    this.#renditions.push(picture.raw);
    const { still } = this.#renditions;
    const moved = still !== this.#still;
    this.#still = still;
    if (resized || healed || moved) this.#tell();
  }

  /** Settles when every viewer has it. */
  async #send(frame: EncodedFrame): Promise<void> {
    const { audience, metrics } = this.#options;
    for (const { codec, levels, take } of this.#forwards)
      if (frame.codec === codec && levels.includes(frame.level)) take(frame);
    const { packets, at } = await audience.send(frame);
    const { received, decoded = received, encoded = decoded } = frame.timings;
    metrics.encoded(renditionName(frame), frame.type, frame.data.length, packets);
    metrics.stage("encode", encoded - decoded);
    metrics.stage("send", at - encoded);
  }

  async #sendJpeg(job: Picture): Promise<void> {
    try {
      this.#mjpeg.send(await toJpeg(job, this.#use));
    } catch (error) {
      this.#options.log(
        `A picture could not be made a JPEG: ${error instanceof Error ? error.message : error}`,
      );
    }
  }

  // ---- The viewers ----

  /**
   * Lets a viewer in by its SDP offer.
   * @param address of who watches, as {@link Seats.take} has it.
   * @throws {FullError} when there is no seat; {OfferError} for an offer that cannot be answered.
   */
  async watch(offer: string, address: string, gone: (reason: string) => void): Promise<Watched> {
    const { audience, metrics, seats } = this.#options;
    const freeSeat = seats.take(this.name, address);
    const record = this.#records.add("webrtc", address);
    let viewer: Viewer | undefined;
    let closed = false;
    const keyframes = new KeyframeBudget(this.#options.clock, () => {
      if (viewer) this.#wantKeyframe(viewer);
    });
    const events: ViewerEvents = {
      connected: () => {
        if (!viewer) return;
        this.#viewers.set(viewer, { has: 0, wants: 0 });
        record.isWatching = true;
        record.codec = viewer.codec;
        this.#tellOf(record, `watches by WebRTC over ${record.protocol.toUpperCase()}`);
        this.#wantKeyframe(viewer);
        this.#tell();
      },
      keyframeNeeded: () => {
        metrics.keyframeRequest();
        keyframes.request();
      },
      wants: (level) => {
        const levels = viewer && this.#viewers.get(viewer);
        if (!viewer || !levels) return;
        levels.wants = level;
        this.#demandChanged();
        this.#renditions.requestKeyframe({ codec: viewer.codec, level });
      },
      moved: (level) => {
        const levels = viewer && this.#viewers.get(viewer);
        if (levels) levels.has = level;
        record.level = level;
        this.#demandChanged();
      },
      received: (reception) => {
        record.reception = reception;
        metrics.reception(reception);
      },
      reached: (protocol) => {
        record.protocol = protocol;
      },
      closed: (reason) => {
        closed = true;
        keyframes.close();
        freeSeat();
        this.#tellOf(record, `is gone: ${reason}`, reason);
        record.end();
        metrics.viewerGone(reason);
        if (viewer) this.#left(viewer);
        gone(reason);
      },
    };
    try {
      const answered = await audience.admit(offer, events);
      viewer = answered.viewer;
      if (this.#closed) viewer.close("the server stops");
      if (!closed) this.#admitted.add(viewer);
      return {
        id: record.id,
        answer: answered.answer,
        restart: (offer) => answered.viewer.restart(offer),
        keyframe: () => events.keyframeNeeded(),
        latency: (milliseconds) => {
          record.latency = milliseconds;
        },
        leave: () => answered.viewer.close("left"),
      };
    } catch (error) {
      freeSeat();
      record.end();
      throw error;
    } finally {
      this.#demandChanged();
    }
  }

  /**
   * Hands on each frame of the renditions of these levels, as they are encoded for the viewers, each from its next
   * keyframe on. There is one as soon as there is a picture. To be encoded for, it counts as a viewer, but not in
   * {@link viewers}.
   * @param take must not throw.
   */
  forward(codec: Codec, levels: readonly number[], take: (frame: EncodedFrame) => void): Feed {
    const began = new Set<number>();
    const forward = {
      codec,
      levels,
      take: (frame: EncodedFrame) => {
        if (frame.type === "key") began.add(frame.level);
        if (began.has(frame.level)) take(frame);
      },
    };
    const requestKeyframe = (level: number) => {
      if (this.#forwards.has(forward) && levels.includes(level))
        this.#renditions.requestKeyframe({ codec, level });
    };
    this.#forwards.add(forward);
    this.#demandChanged();
    for (const level of levels) requestKeyframe(level);
    return {
      requestKeyframe,
      stop: () => {
        if (this.#forwards.delete(forward)) this.#demandChanged();
      },
    };
  }

  /**
   * Streams MJPEG into the response until its client goes, who watches from that address.
   * @throws {FullError} when there is no seat.
   */
  streamMjpeg(response: ServerResponse, timed: boolean, address: string): void {
    const freeSeat = this.#options.seats.take(this.name, address);
    const record = this.#records.add("mjpeg", address);
    this.#tellOf(record, "watches by MJPEG");
    this.#mjpeg.add(response, timed, () => {
      freeSeat();
      this.#tellOf(record, "is gone");
      record.end();
      this.#demandChanged();
    });
    if (this.#shown && this.#attended === "shown") this.#jpegs.push(this.#shown);
    this.#demandChanged();
  }

  /** The picture of now as a JPEG; undefined before the first. Who asks meanwhile gets the same. */
  snapshot(size: SnapshotSize = "full"): Promise<JpegFrame | undefined> {
    const taken =
      this.#taking.get(size) ??
      this.#snapshots
        .take()
        .then((picture) => picture && (size === "full" ? toJpeg : toThumbnail)(picture, this.#use))
        .finally(() => this.#taking.delete(size));
    this.#taking.set(size, taken);
    return taken;
  }

  info(): StreamInfo {
    const shown = this.#shown?.raw;
    const problem = this.#sourceProblem ?? this.#refusals.problem;
    return {
      name: this.#options.name,
      source: this.#options.source.label,
      state: this.#state,
      width: shown?.width ?? 0,
      height: shown?.height ?? 0,
      fps: this.#sourceRate.rate,
      ...(this.#still && this.#state.kind === "live" && { still: true as const }),
      viewers: this.viewers,
      ...(problem === undefined ? {} : { problem }),
    };
  }

  /** Who watches or is about to, as far as is told of at once. */
  watchers(): ViewerInfo[] {
    return this.#records.all();
  }

  /** Those who watch, by how. */
  viewerCounts(): ViewerCount[] {
    return this.#records.counts();
  }

  /** Everybody whom pictures reach, by WebRTC or MJPEG. */
  get viewers(): number {
    return this.#viewers.size + this.#mjpeg.viewers;
  }

  /** Whether anybody watches, or only waits or listens for the next picture. Of what never had one it does not count. */
  get followed(): boolean {
    if (this.#state.kind === "waiting") return false;
    const { size } = this.#admitted;
    return size + this.#mjpeg.viewers + this.#listeners.size + this.telemetry.followers > 0;
  }

  /** Counters of the source and the stages, for `/metrics`. */
  counters(): Record<string, number> {
    const { dropped, failures } = this.#renditions.counters;
    return {
      ...this.#options.source.counters(),
      dropped_before_decode: this.#decoding.dropped,
      dropped_before_encode: dropped,
      encoder_failures: failures,
    };
  }

  /**
   * Tells of each change.
   * @returns stops it.
   */
  listen(listener: (info: StreamInfo) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tellOf({ id, since, codec, protocol }: ViewerRecord, what: string, reason?: string): void {
    const seconds = Math.round((this.#options.clock.now() - since) / 1000);
    const fields = { stream: this.name, viewer: id, codec, protocol, seconds, reason };
    this.#options.log(`${this.name}: viewer ${id} ${what}.`, { level: "debug", ...fields });
  }

  #left(viewer: Viewer): void {
    this.#admitted.delete(viewer);
    this.#viewers.delete(viewer);
    this.#demandChanged();
  }

  #wantKeyframe(viewer: Viewer): void {
    for (const id of this.#renditionsOf(viewer)) this.#renditions.requestKeyframe(id);
  }

  /** What the viewer is sent, and what it is to be sent; none before it is connected. */
  #renditionsOf(viewer: Viewer): RenditionId[] {
    const { codec } = viewer;
    const levels = this.#viewers.get(viewer);
    return levels ? [...new Set([levels.has, levels.wants])].map((level) => ({ codec, level })) : [];
  }

  /** Somebody came or went: the source and the stages work only while somebody watches. */
  #demandChanged(): void {
    if (this.#closed) return;
    const forwarded = [...this.#forwards].flatMap(({ codec, levels }) =>
      levels.map((level) => ({ codec, level })),
    );
    const viewed = [...this.#viewers.keys()].flatMap((viewer) => this.#renditionsOf(viewer));
    this.#renditions.keep([...viewed, ...forwarded]);
    if (this.#mjpeg.viewers === 0) this.#mjpeg.forget();

    const watched =
      this.#admitted.size + this.#forwards.size + this.#mjpeg.viewers + this.#snapshots.waiting > 0;
    // Who follows the telemetry alone needs frames too, but none of their pictures.
    this.#options.source.demand(watched || this.telemetry.followers > 0);
    if (!watched) this.#attended = "unwatched";
    else if (this.#attended === "unwatched") {
      this.#attended = "watched";
      // Who comes while the picture stands still gets it at once.
      const unseen = this.#unseen;
      this.#unseen = undefined;
      if (unseen) this.#decoding.push(unseen);
      else if (this.#shown) this.#show(this.#shown);
    }
    this.#tell();
  }

  #tell(): void {
    const info = this.info();
    for (const listener of this.#listeners) listener(info);
  }
}
