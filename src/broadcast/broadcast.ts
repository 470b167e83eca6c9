/**
 * One stream and its viewers: the map of a frame's way, and the only file that joins the stages.
 *
 *   source ─▶ SourceFrame ─▶ decode ─▶ RawFrame ─▶ rendition ─▶ EncodedFrame ─▶ packetizer ─▶ viewers
 *                                          └─────▶ JPEG ─▶ MJPEG viewers
 *
 * The stages run in parallel, and each takes the newest frame when it is free. Nothing is decoded or encoded
 * without a viewer.
 */
import type { ServerResponse } from "node:http";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { giveBack } from "../base/memory.ts";
import { RateMeter } from "../base/rate-meter.ts";
import type { VideoEncoder } from "../encoder/encoder.ts";
import { Use } from "../encoder/image/slots.ts";
import { Renditions } from "../encoder/renditions.ts";
import { type Codec, type EncodedFrame, renditionName, type SourceFrame } from "../media/frame.ts";
import type { SourceState, StreamInfo, ViewerInfo } from "../shared/protocol.ts";
import type { Watched } from "../signaling/watching.ts";
import type { Source, SourceSink } from "../source/source.ts";
import type { Audience } from "../transport/audience/viewer.ts";
import type { JpegFrame } from "../transport/mjpeg.ts";
import { Decoding } from "./decoding.ts";
import { demandOf } from "./demand.ts";
import { type Feed, Feeds, type FrameTaker } from "./feed.ts";
import type { Metrics } from "./metrics.ts";
import { MjpegViewers } from "./mjpeg-viewers.ts";
import type { Picture } from "./picture.ts";
import type { Seats } from "./seats.ts";
import { type SnapshotSize, Snapshots } from "./snapshots.ts";
import { Status, type StatusReadings } from "./status.ts";
import { TelemetryFeed } from "./telemetry-feed.ts";
import { type ViewerCount, ViewerRecords, viewerLog } from "./viewer-records.ts";
import { Viewers } from "./viewers.ts";

/** Frames per second, until the source's own rate is measured. */
const ASSUMED_FPS = 20;

/** What a broadcast is made of. */
export interface BroadcastOptions {
  readonly name: string;
  readonly source: Source;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Makes an encoder, not yet open. */
  readonly encoder: (codec: Codec) => VideoEncoder;
  /** Carries video to the viewers by WebRTC. */
  readonly audience: Audience;
  /** In bits per second; undefined chooses by size and frame rate. */
  readonly bitrate: number | undefined;
  readonly maxPixels: number;
  /** Limits the viewers by WebRTC and MJPEG, over all broadcasts. */
  readonly seats: Seats;
  readonly log: Log;
}

/** One stream: takes frames as a source's sink, and carries them to everything that watches. */
export class Broadcast implements SourceSink {
  readonly #options: BroadcastOptions;
  /** The telemetry of the frames, for followers that need no picture. */
  readonly telemetry = new TelemetryFeed(() => this.#demandChanged());
  readonly #records: ViewerRecords;
  readonly #viewers: Viewers;
  readonly #mjpeg: MjpegViewers;
  readonly #feeds: Feeds;
  readonly #snapshots: Snapshots;
  readonly #status: Status;
  readonly #sourceRate: RateMeter;
  readonly #decoding: Decoding;
  readonly #renditions: Renditions;
  /** The newest frame that came while nobody watched, not yet decoded. */
  #unseen: SourceFrame | undefined;
  /** The newest picture that could be decoded. */
  #shown: Picture | undefined;
  /** `watched`: somebody watches, but no picture has been shown since. */
  #attention: "unwatched" | "watched" | "shown" = "unwatched";
  /** Whether the picture stood still when the last one came. */
  #still = false;
  #closed = false;

  constructor(options: BroadcastOptions) {
    this.#options = options;
    const { name: stream, clock, metrics, audience, seats, maxPixels, encoder, bitrate, log } = options;
    const changed = () => this.#demandChanged();
    const use = new Use(clock);
    this.#sourceRate = new RateMeter(clock);
    this.#decoding = new Decoding({
      ...{ stream, clock, metrics, maxPixels, use, log },
      decoded: (picture) => this.#decoded(picture),
      refused: (isProblem) => this.#refused(isProblem),
    });
    this.#renditions = new Renditions({
      ...{ clock, encoder, bitrate, log },
      fps: () => this.#sourceRate.rate || ASSUMED_FPS,
      picture: () => this.#current?.raw,
      emit: (frame) => this.#send(frame),
    });
    const records = new ViewerRecords(clock);
    const logged = viewerLog(stream, clock, log);
    const toEncode = { changed, requestKeyframe: this.#renditions.requestKeyframe.bind(this.#renditions) };
    this.#records = records;
    this.#viewers = new Viewers({
      ...{ stream, clock, metrics, audience, seats, records, log: logged },
      ...toEncode,
    });
    this.#mjpeg = new MjpegViewers({ stream, clock, seats, records, use, log, viewerLog: logged, changed });
    this.#feeds = new Feeds(toEncode);
    this.#snapshots = new Snapshots({ clock, use, last: () => this.#shown, changed });
    this.#status = new Status(stream, () => this.#readings());
  }

  /** The stream's name. */
  get name(): string {
    return this.#options.name;
  }

  /** Starts the source. @throws the source's error, a sentence for the user. */
  async start(): Promise<void> {
    await this.#options.source.start(this);
    this.#demandChanged();
  }

  /** Ends the viewers, the stages and the source. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#decoding.close();
    this.#viewers.close();
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
    if (this.#attention === "unwatched") {
      if (this.#unseen) giveBack(this.#unseen.data);
      this.#unseen = frame;
      return;
    }
    this.#options.metrics.stage("receive", frame.timings.received - frame.timings.captured);
    this.#decoding.push(frame);
  }

  state(state: SourceState): void {
    if (this.#closed) return;
    this.#status.state = state;
  }

  problem(sentence: string | undefined): void {
    if (!this.#closed) this.#status.sourceProblem = sentence;
  }

  // ---- Through the stages ----

  #decoded(picture: Picture): void {
    if (this.#closed) return;
    this.#show(picture);
    this.#snapshots.offer(picture);
  }

  #refused(isProblem: boolean): void {
    if (isProblem) this.#status.tell();
    if (this.#attention === "watched" && this.#shown) this.#show(this.#shown);
  }

  /** Sends a picture, new or not, to everything that watches. */
  #show(picture: Picture): void {
    const healed = this.#decoding.shown();
    const { width, height } = picture.raw;
    const resized = this.#shown?.raw.width !== width || this.#shown.raw.height !== height;
    this.#shown = picture;
    if (this.#attention === "watched") this.#attention = "shown";
    this.#mjpeg.push(picture);
    this.#renditions.push(picture.raw);
    const { still } = this.#renditions;
    const moved = still !== this.#still;
    this.#still = still;
    if (resized || healed || moved) this.#status.tell();
  }

  /** Settles when the frame is sent to every viewer. */
  async #send(frame: EncodedFrame): Promise<void> {
    const { audience, metrics } = this.#options;
    this.#feeds.send(frame);
    const { packets, at } = await audience.send(frame);
    const { received, decoded = received, encoded = decoded } = frame.timings;
    metrics.encoded(renditionName(frame), frame.type, frame.data.length, packets);
    metrics.stage("encode", encoded - decoded);
    metrics.stage("send", at - encoded);
  }

  // ---- To whatever watches ----

  /** Admits a viewer, as {@link Viewers.admit}. */
  watch(offer: string, address: string, gone: (reason: string) => void): Promise<Watched> {
    return this.#viewers.admit(offer, address, gone);
  }

  /** Streams MJPEG into the response, as {@link MjpegViewers.add}. */
  streamMjpeg(response: ServerResponse, timed: boolean, address: string): void {
    this.#mjpeg.add(response, timed, address, this.#current);
  }

  /** Feeds another server, which is encoded for as for a viewer, but is not one of {@link viewers}. */
  forward(codec: Codec, levels: readonly number[], take: FrameTaker): Feed {
    return this.#feeds.add(codec, levels, take);
  }

  /** A current picture as a JPEG; undefined before the first. */
  snapshot(size: SnapshotSize = "full"): Promise<JpegFrame | undefined> {
    return this.#snapshots.take(size);
  }

  /** The picture that is shown now; undefined if none was shown since somebody watches. */
  get #current(): Picture | undefined {
    return this.#attention === "shown" ? this.#shown : undefined;
  }

  #demandChanged(): void {
    if (this.#closed) return;
    const { renditions, pictures, frames } = demandOf({
      viewers: this.#viewers,
      mjpeg: this.#mjpeg,
      feeds: this.#feeds,
      snapshots: this.#snapshots,
      telemetry: this.telemetry,
    });
    this.#renditions.keep(renditions);
    if (this.#mjpeg.size === 0) this.#mjpeg.forget();
    this.#options.source.demand(frames);
    if (!pictures) this.#attention = "unwatched";
    else if (this.#attention === "unwatched") this.#attend();
    this.#status.tell();
  }

  /** Shows the last picture to the first viewer, as the next one may be far off. */
  #attend(): void {
    this.#attention = "watched";
    const unseen = this.#unseen;
    this.#unseen = undefined;
    if (unseen) this.#decoding.push(unseen);
    else if (this.#shown) this.#show(this.#shown);
  }

  // ---- What is known of it ----

  /** What pages show of the stream. */
  info(): StreamInfo {
    return this.#status.info();
  }

  /** Calls the listener at each change of {@link info}. @returns stops that. */
  listen(listener: (info: StreamInfo) => void): () => void {
    return this.#status.listen(listener);
  }

  #readings(): StatusReadings {
    const { width = 0, height = 0 } = this.#shown?.raw ?? {};
    return {
      source: this.#options.source.label,
      width,
      height,
      fps: this.#sourceRate.rate,
      viewers: this.viewers,
      isStill: this.#still,
      problem: this.#decoding.problem,
    };
  }

  /** How many viewers pictures reach, by WebRTC or MJPEG. */
  get viewers(): number {
    return this.#viewers.connected + this.#mjpeg.size;
  }

  /** The viewers, joining or watching, as {@link ViewerRecords.all}. */
  watchers(): ViewerInfo[] {
    return this.#records.all();
  }

  /** The viewers that watch, by how they do. */
  viewerCounts(): ViewerCount[] {
    return this.#records.counts();
  }

  /** Whether anything watches, joins or listens for the next picture. A stream that never had one is not followed. */
  get followed(): boolean {
    if (this.#status.state.kind === "waiting") return false;
    return this.#viewers.size + this.#mjpeg.size + this.#status.listeners + this.telemetry.followers > 0;
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
}
