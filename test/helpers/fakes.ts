/** Hand-written fakes for the neighbours of what a test checks. */
import type { ServerResponse } from "node:http";
import { Writable } from "node:stream";
import type { EpochMs } from "../../src/base/clock.ts";
import type { Bitstream, EncoderSettings, VideoEncoder } from "../../src/encoder/encoder.ts";
import type { EncodedFrame, RawFrame, SourceFrame } from "../../src/media/frame.ts";
import type { FrameReport, SourceState } from "../../src/shared/protocol.ts";
import type { Publisher } from "../../src/source/ingest/publisher-feed.ts";
import type { Source, SourceSink } from "../../src/source/source.ts";
import type { Recipient } from "../../src/transport/audience/audience.ts";
import type { ViewerEvents } from "../../src/transport/audience/viewer.ts";
import type { PacketizedFrame } from "../../src/transport/packets/history.ts";
import type { MediaPacket } from "../../src/transport/packets/packetizer.ts";

/** An encoder that encodes nothing but keeps the contract, and throws if its caller does not. */
export class FakeEncoder implements VideoEncoder {
  readonly codec = "vp8";
  readonly opened: EncoderSettings[] = [];
  readonly encoded: Bitstream["type"][] = [];
  fail = false;
  /** Delays each frame. */
  work: () => Promise<void> = () => Promise.resolve();
  closed = 0;
  #busy = false;
  #first = true;

  async open(settings: EncoderSettings): Promise<void> {
    this.opened.push(settings);
    this.#first = true;
  }

  async encode(_frame: RawFrame, key: boolean): Promise<Bitstream> {
    if (this.#busy) throw new Error("two frames at once");
    this.#busy = true;
    await this.work();
    this.#busy = false;
    if (this.fail) throw new Error("out of order");
    const type = key || this.#first ? "key" : "delta";
    this.encoded.push(type);
    this.#first = false;
    return { type, data: Buffer.alloc(0) };
  }

  close(): void {
    if (this.#busy) throw new Error("closed while encoding");
    this.closed++;
  }
}

/** A source whose sink the test calls. */
export class FakeSource implements Source {
  readonly label = "fake source";
  readonly demands: boolean[] = [];
  sink: SourceSink | undefined;
  closed = false;

  async start(sink: SourceSink): Promise<void> {
    this.sink = sink;
  }

  demand(watched: boolean): void {
    if (this.demands.at(-1) !== watched) this.demands.push(watched);
  }

  counters(): Record<string, number> {
    return { taken: 0 };
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

/** A viewer that records what it is sent. */
export class FakeViewer implements Recipient {
  readonly events: ViewerEvents;
  readonly frames: (readonly MediaPacket[])[] = [];
  readonly reports: FrameReport[] = [];
  readonly codec = "vp8";
  takesReports = true;
  isNarrow = false;
  closedFor: string | undefined;

  constructor(events: ViewerEvents) {
    this.events = events;
  }

  send({ packets }: PacketizedFrame): void {
    this.frames.push(packets);
  }

  report(json: string): void {
    this.reports.push(JSON.parse(json));
  }

  async restart(offer: string): Promise<string> {
    return `answer to ${offer}`;
  }

  close(reason: string): void {
    if (this.closedFor !== undefined) return;
    this.closedFor = reason;
    this.events.closed(reason);
  }
}

/** A keyframe of one packet. */
export function encodedFrame(number: number, captured: EpochMs): EncodedFrame {
  const about = {
    codec: "vp8",
    level: 0,
    type: "key",
    width: 2,
    height: 2,
    rtpTimestamp: 0,
    fullBitrate: 1_000_000,
  } as const;
  return { ...about, number, data: Buffer.alloc(10), timings: { captured, received: captured } };
}

/** An HTTP response whose client can stop reading. */
export class FakeResponse extends Writable {
  headers: Record<string, string> = {};
  readonly socket = { setNoDelay() {}, cork: () => this.cork(), uncork: () => this.uncork() };
  readonly #chunks: Buffer[] = [];
  #release: (() => void) | undefined;
  #reading = true;

  constructor(room = 16_384) {
    super({ highWaterMark: room });
  }

  /** For code that takes Node's own response. */
  get asResponse(): ServerResponse {
    return this as unknown as ServerResponse;
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString("latin1");
  }

  writeHead(_status: number, headers: Record<string, string>): this {
    this.headers = headers;
    return this;
  }

  flushHeaders(): void {}

  /** The client stops reading. */
  pause(): void {
    this.#reading = false;
  }

  /** The client reads everything that waits, and continues to read. */
  resume(): void {
    this.#reading = true;
    this.#release?.();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const take = () => {
      this.#chunks.push(chunk);
      done();
    };
    if (this.#reading) take();
    else this.#release = take;
  }
}

/** A sink that records what a source delivers. */
export class FakeSink implements SourceSink {
  readonly frames: SourceFrame[] = [];
  readonly states: SourceState[] = [];
  readonly problems: (string | undefined)[] = [];

  frame(frame: SourceFrame): void {
    this.frames.push(frame);
  }

  state(state: SourceState): void {
    this.states.push(state);
  }

  problem(sentence: string | undefined): void {
    this.problems.push(sentence);
  }
}

/** A publisher that records why it is dropped. */
export class FakePublisher implements Publisher {
  readonly label: string;
  readonly address = "192.0.2.7";
  readonly boundary: string | undefined;
  readonly sameClock = true;
  readonly drops: { readonly status: number; readonly message: string }[] = [];

  constructor(label = "somebody", about: { readonly boundary?: string | undefined } = { boundary: "frame" }) {
    this.label = label;
    this.boundary = about.boundary;
  }

  dropped(status: number, message: string): void {
    this.drops.push({ status, message });
  }
}
