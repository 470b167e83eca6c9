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
import { RateMeter } from "../base/rate-meter.ts";
import { StreamUsage } from "../encoder/image/stream-usage.ts";
import { Renditions, type RenditionsOptions } from "../encoder/renditions.ts";
import { type Codec, type EncodedFrame, renditionName, type SourceFrame } from "../media/frame.ts";
import type { SourceState, StreamInfo } from "../shared/protocol.ts";
import { ControlDesk } from "../signaling/control-desk.ts";
import type { ViewerSession } from "../signaling/watching.ts";
import type { Source, SourceSink } from "../source/source.ts";
import type { JpegFrame } from "../transport/mjpeg.ts";
import { Consumers, type ConsumersOptions } from "./consumers.ts";
import { Decoding, type DecodingOptions } from "./decoding.ts";
import type { Feed, FrameTaker } from "./feed.ts";
import { PendingData } from "./pending-data.ts";
import type { Picture } from "./picture.ts";
import { ShownPicture } from "./shown-picture.ts";
import type { SnapshotSize } from "./snapshots.ts";
import { Status } from "./status.ts";
import type { TelemetryFeed } from "./telemetry-feed.ts";
import type { ViewerRecords } from "./viewer-records.ts";

/** Frames per second, until the source's own rate is measured. */
const ASSUMED_FPS = 20;

/** What a broadcast is made of. */
export interface BroadcastOptions
  extends Pick<ConsumersOptions, "clock" | "metrics" | "audience" | "seats" | "log">,
    Pick<RenditionsOptions, "encoder" | "bitrate">,
    Pick<DecodingOptions, "maxPixels"> {
  readonly name: string;
  readonly source: Source;
}

/** One stream: takes frames as a source's sink, and carries them to everything that watches. */
export class Broadcast implements SourceSink {
  /** The stream's name. */
  readonly name: string;
  /** Who turns its camera. */
  readonly control: ControlDesk;
  /** The telemetry of the frames, for followers that need no picture. */
  readonly telemetry: TelemetryFeed;
  /** The viewers, joining or watching. */
  readonly records: ViewerRecords;
  readonly #options: BroadcastOptions;
  readonly #consumers: Consumers;
  readonly #status: Status;
  readonly #sourceRate: RateMeter;
  readonly #decoding: Decoding;
  readonly #renditions: Renditions;
  readonly #data: PendingData;
  /** The number of the last frame; 0 before the first. */
  #number = 0;
  readonly #shown = new ShownPicture();
  #closed = false;

  constructor(options: BroadcastOptions) {
    this.#options = options;
    this.name = options.name;
    const { name: stream, clock, metrics, audience, seats, maxPixels, encoder, bitrate, log } = options;
    const use = new StreamUsage(clock);
    this.#sourceRate = new RateMeter(clock);
    this.#decoding = new Decoding({
      ...{ stream, clock, metrics, maxPixels, use, log },
      decoded: (picture) => this.#decoded(picture),
      refused: (isProblem) => this.#refused(isProblem),
    });
    this.#renditions = new Renditions({
      ...{ clock, encoder, bitrate, log },
      fps: () => this.#sourceRate.rate || ASSUMED_FPS,
      picture: () => this.#shown.current?.raw,
      emit: (frame) => this.#send(frame),
    });
    this.#consumers = new Consumers({
      ...{ stream, clock, metrics, audience, seats, use, log },
      last: () => this.#shown.last,
      changed: () => this.#demandChanged(),
      requestKeyframe: (rendition) => this.#renditions.requestKeyframe(rendition),
    });
    ({ telemetry: this.telemetry, records: this.records } = this.#consumers);
    this.#data = new PendingData(clock, (json) => this.#sendData(json));
    this.#status = new Status(stream, () => ({
      source: options.source.label,
      fps: this.#sourceRate.rate,
      viewers: this.viewers,
      problem: this.#decoding.problem,
      control: this.control.info,
    }));
    this.control = new ControlDesk(clock, () => this.#status.tell());
  }

  /** Starts the source. @throws the source's error, a sentence for the user. */
  async start(): Promise<void> {
    await this.#options.source.start(this);
    this.#demandChanged();
  }

  /** Ends the viewers, the stages and the source. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#data.close();
    this.control.close();
    this.#decoding.close();
    this.#consumers.close();
    this.#renditions.keep([]);
    await this.#options.source.close();
  }

  // ---- From the source ----

  frame(frame: SourceFrame): void {
    if (this.#closed) return;
    this.#sourceRate.count();
    this.problem(undefined);
    this.#number = frame.number;
    const telemetry = this.#data.join(frame.telemetry);
    const whole = telemetry === undefined ? frame : { ...frame, telemetry };
    this.telemetry.tell(whole);
    this.#decoding.push(whole);
  }

  /** Publishes data without a picture, as the text of one JSON object on one line. */
  publishData(json: string): void {
    if (!this.#closed) this.#data.add(json);
  }

  /** Sends data for which no picture came: to viewers with the picture that they see. */
  #sendData(telemetry: string): void {
    const now = this.#options.clock.now();
    this.telemetry.tell({ number: this.#number, timings: { captured: now, received: now }, telemetry });
    const picture = this.#shown.withData(telemetry, now);
    if (picture) this.#push(picture);
  }

  state(state: SourceState): void {
    if (!this.#closed) this.#status.state = state;
  }

  problem(sentence: string | undefined): void {
    if (!this.#closed) this.#status.sourceProblem = sentence;
  }

  // ---- Through the stages ----

  #decoded(picture: Picture): void {
    if (this.#closed) return;
    this.#show(picture);
    this.#consumers.snapshots.offer(picture);
  }

  #refused(isProblem: boolean): void {
    if (isProblem) this.#status.tell();
    // The first viewer would otherwise wait for a sound picture.
    const { last, current } = this.#shown;
    if (!this.#decoding.isPaused && !current && last) this.#show(last);
  }

  /** Sends a picture, new or not, to everything that watches. */
  #show(picture: Picture): void {
    const healed = this.#decoding.shown();
    this.#shown.show(picture, !this.#decoding.isPaused);
    this.#push(picture);
    this.#status.shown(picture.raw, this.#renditions.still, healed);
  }

  #push(picture: Picture): void {
    this.#consumers.mjpeg.push(picture);
    this.#renditions.push(picture.raw);
  }

  /** Settles when the frame is sent to every viewer. */
  async #send(frame: EncodedFrame): Promise<void> {
    const { audience, metrics } = this.#options;
    this.#consumers.feeds.send(frame);
    const { packets, at } = await audience.send(frame);
    const { received, decoded = received, encoded = decoded } = frame.timings;
    metrics.encoded(renditionName(frame), frame.type, frame.data.length, packets);
    metrics.stage("encode", encoded - decoded);
    metrics.stage("send", at - encoded);
  }

  // ---- To whatever watches ----

  /** Admits a viewer, as {@link Viewers.admit}. */
  watch(offer: string, address: string, gone: (reason: string) => void): Promise<ViewerSession> {
    return this.#consumers.viewers.admit(offer, address, gone);
  }

  /** Streams MJPEG into the response, as {@link MjpegViewers.add}. */
  streamMjpeg(response: ServerResponse, timed: boolean, address: string): void {
    this.#consumers.mjpeg.add(response, timed, address, this.#shown.current);
  }

  /** Feeds another server, which is encoded for as for a viewer, but is not one of {@link viewers}. */
  forward(codec: Codec, levels: readonly number[], take: FrameTaker): Feed {
    return this.#consumers.feeds.add(codec, levels, take);
  }

  /** A current picture as a JPEG; undefined before the first. */
  snapshot(size: SnapshotSize = "full"): Promise<JpegFrame | undefined> {
    return this.#consumers.snapshots.take(size);
  }

  /** Encodes, decodes and requests no more than the consumers need now. */
  #demandChanged(): void {
    if (this.#closed) return;
    const { renditions, pictures, frames } = this.#consumers.demand();
    this.#renditions.keep(renditions);
    this.#consumers.mjpeg.forgetIfUnwatched();
    this.#options.source.demand(frames);
    if (!pictures) {
      this.#decoding.pause();
      this.#shown.leave();
    } else if (this.#decoding.isPaused && !this.#decoding.resume() && this.#shown.last) {
      // The first viewer gets the last picture, as the next one may be far off.
      this.#show(this.#shown.last);
    }
    this.#status.tell();
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

  /** How many viewers pictures reach, by WebRTC or MJPEG. */
  get viewers(): number {
    return this.#consumers.watching;
  }

  /** Whether anything watches, joins or listens for the next picture. A stream that never had one is not followed. */
  get followed(): boolean {
    if (this.#status.state.kind === "waiting") return false;
    return this.#consumers.following + this.#status.listeners > 0;
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
