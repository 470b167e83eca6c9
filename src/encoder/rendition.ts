/**
 * A rendition: one codec at one size and bitrate, encoded once, whoever watches. It decides what is
 * encoded when: the newest picture, a keyframe for those who ask, and a heartbeat while nothing changes.
 */

import type { Cancel, Clock, EpochMs, Millis } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import { Latest } from "../base/latest.ts";
import type { EncodedFrame, RawFrame } from "../media/frame.ts";
import { rungOf, sizeAt } from "../shared/ladder.ts";
import { defaultBitrate } from "./bitrate.ts";
import type { EncoderSettings, VideoEncoder } from "./encoder.ts";
import { KeyframeRequests } from "./keyframes.ts";

/**
 * A still picture is encoded again this often: its quality climbs, a lost packet is repaired by the
 * next frame, and a viewer can tell a still picture from a dead stream.
 */
export const HEARTBEAT: Millis = 500;

/** For so long after a change, and so often, as each further encoding makes it cleaner; then nothing is left to gain. */
export const CLEARING: Millis = 2000;
const CLEARING_EVERY: Millis = 125;

/** The pause before a failed encoder is tried again. */
const RETRY_AFTER: Millis = 1000;

export interface RenditionOptions {
  readonly clock: Clock;
  /** Makes an encoder, not yet open. */
  readonly encoder: () => VideoEncoder;
  /** Frames a second to expect, for the encoder's rate control. */
  readonly fps: () => number;
  /** Bits a second of the full rendition; undefined chooses by size and frame rate. */
  readonly bitrate: number | undefined;
  /** Its place on the ladder. */
  readonly level: number;
  /** What its timestamps begin from, alike for all renditions of a picture: viewers change between them. */
  readonly timestampOffset: number;
  /** Takes each encoded frame, in order, the next when it is done with one. Handles its own errors. */
  readonly emit: (frame: EncodedFrame) => Promise<void>;
  readonly log: (line: string) => void;
}

/** An encoder, and the size of the pictures that it was opened for. */
interface OpenEncoder {
  readonly is: VideoEncoder;
  readonly settings: EncoderSettings;
  readonly width: number;
  readonly height: number;
}

export class Rendition {
  readonly #options: RenditionOptions;
  readonly #keyframes = new KeyframeRequests();
  readonly #work = new Latest<RawFrame>((frame) => this.#encode(frame));
  #encoder: OpenEncoder | undefined;
  #last: RawFrame | undefined;
  #pushed = 0;
  #changedAt: number = Number.NEGATIVE_INFINITY;
  #lastTicks = Number.NEGATIVE_INFINITY;
  #retryAt = 0;
  #failures = 0;
  #emitted: Promise<void> = Promise.resolve();
  #stopHeartbeat: Cancel | undefined;
  #stopKeyframe: Cancel | undefined;
  #stopped = false;

  constructor(options: RenditionOptions) {
    this.#options = options;
  }

  /** Frames overtaken before they were encoded, and encoder failures. */
  get counters(): { readonly dropped: number; readonly failures: number } {
    return { dropped: this.#work.dropped, failures: this.#failures };
  }

  /**
   * Encodes the frame, unless a newer one comes before its turn.
   * @param isStill nothing has changed: once it is clean, the heartbeat shows it.
   */
  push(frame: RawFrame, isStill = false): void {
    if (this.#stopped) return;
    this.#last = frame;
    const now = this.#options.clock.now();
    if (!isStill) this.#changedAt = now;
    else if (now - this.#changedAt >= CLEARING) return;
    // Those left out are shown by the heartbeat, where none follows.
    if (this.#pushed++ % rungOf(this.#options.level).every === 0) this.#work.push(frame);
    this.#beat();
  }

  /** A keyframe as soon as may be, from the last picture if no newer one comes first. */
  requestKeyframe(): void {
    this.#keyframes.request();
    this.#planKeyframe();
  }

  /** Ends it and frees the encoder. */
  stop(): void {
    this.#stopped = true;
    this.#stopHeartbeat?.();
    this.#stopKeyframe?.();
    this.#work.close();
    // An encode in flight still uses the native memory: it frees it when it is done.
    if (!this.#work.busy) this.#closeEncoder();
  }

  #beat(): void {
    const { clock } = this.#options;
    const isClearing = clock.now() - this.#changedAt < CLEARING;
    this.#stopHeartbeat?.();
    this.#stopHeartbeat = clock.after(isClearing ? CLEARING_EVERY : HEARTBEAT, () => {
      this.#beat();
      this.#again();
    });
  }

  /** Encodes the last picture once more, as a frame of now. */
  #again(): void {
    if (!this.#last || this.#work.busy || this.#stopped) return;
    const now = this.#options.clock.now();
    this.#work.push({ ...this.#last, timings: { captured: now, received: now, decoded: now } });
  }

  #planKeyframe(): void {
    const wait = this.#keyframes.wait(this.#options.clock.now());
    if (wait === undefined || this.#stopped) return;
    this.#stopKeyframe?.();
    if (wait === 0) this.#again();
    else this.#stopKeyframe = this.#options.clock.after(wait, () => this.#again());
  }

  async #encode(frame: RawFrame): Promise<void> {
    const { clock, emit, log } = this.#options;
    if (clock.now() < this.#retryAt) return;
    try {
      const { is: encoder, settings } = await this.#encoderFor(frame);
      const key = this.#keyframes.wait(clock.now()) === 0;
      const rtpTimestamp = this.#timestamp(frame.timings.captured);
      const { type, data } = await encoder.encode(frame, key);
      const encoded = clock.now();
      if (type === "key") this.#keyframes.made(encoded);
      const { kind: _kind, format: _format, timings, ...about } = frame;
      const { codec } = encoder;
      const { width, height, bitrate } = settings;
      const { level } = this.#options;
      // While one frame is sent the next is encoded, but no further: who cannot send fast enough encodes less.
      await this.#emitted;
      if (!this.#stopped)
        this.#emitted = emit({
          ...about,
          codec,
          level,
          width,
          height,
          bitrate,
          type,
          rtpTimestamp,
          data,
          timings: { ...timings, encoded },
        });
    } catch (error) {
      this.#failures++;
      this.#retryAt = clock.now() + RETRY_AFTER;
      this.#closeEncoder();
      log(`The encoder failed and is opened again: ${reasonOf(error)}`);
    }
    if (this.#stopped) this.#closeEncoder();
    else this.#planKeyframe();
  }

  /** The encoder, opened anew where the picture's size has changed. */
  async #encoderFor({ width, height }: RawFrame): Promise<OpenEncoder> {
    const open = this.#encoder;
    if (open?.width === width && open.height === height) return open;
    this.#closeEncoder();
    const { level } = this.#options;
    const { share, every } = rungOf(level);
    const all = Math.max(1, Math.round(this.#options.fps()));
    const bitrate = Math.round((this.#options.bitrate ?? defaultBitrate(width, height, all)) * share);
    const fps = Math.max(1, Math.round(all / every));
    const settings = { ...sizeAt(level, width, height), fps, bitrate };
    const is = this.#options.encoder();
    await is.open(settings);
    this.#encoder = { is, settings, width, height };
    return this.#encoder;
  }

  #closeEncoder(): void {
    this.#encoder?.is.close();
    this.#encoder = undefined;
  }

  /** 90 kHz ticks of the capture time; always ahead of the frame before. */
  #timestamp(captured: EpochMs): number {
    const ticks = Math.max(Math.round(captured * 90), this.#lastTicks + 1);
    this.#lastTicks = ticks;
    return (ticks + this.#options.timestampOffset) % 2 ** 32;
  }
}
