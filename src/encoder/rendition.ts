/**
 * A rendition: one codec at one size and bitrate, encoded once for all of its viewers. It decides what is encoded and
 * when: the newest picture, a keyframe on request, and a heartbeat while the picture does not change.
 */

import type { Cancel, Clock, EpochMs, Millis } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import { Latest } from "../base/latest.ts";
import type { Log } from "../base/log.ts";
import type { EncodedFrame, RawFrame } from "../media/frame.ts";
import { bitrateAt, rungOf, sizeAt } from "../shared/ladder.ts";
import { defaultBitrate } from "./bitrate.ts";
import type { EncoderSettings, VideoEncoder } from "./encoder.ts";
import { KeyframeRequests } from "./keyframes.ts";

/**
 * A still picture is encoded again at this interval. The quality improves, the next frame repairs a lost packet, and
 * viewers can tell a still picture from a dead stream.
 */
export const HEARTBEAT: Millis = 500;

/** For this time after a change, the heartbeat is faster: each encoding improves the picture, until no gain is left. */
export const REFINEMENT_DURATION: Millis = 2000;
const REFINEMENT_INTERVAL: Millis = 125;

/** Pause after an encoder failed. */
const RETRY_DELAY: Millis = 1000;

/** The parameters of a {@link Rendition}. */
export interface RenditionOptions {
  readonly clock: Clock;
  /** Makes an encoder, not yet open. */
  readonly encoder: () => VideoEncoder;
  /** Expected frames per second, for the encoder's rate control. */
  readonly fps: () => number;
  /** Bits per second of level 0; undefined derives it from size and frame rate. */
  readonly bitrate: number | undefined;
  /** Index in the bitrate ladder (`src/shared/ladder.ts`). */
  readonly level: number;
  /** Offset of RTP timestamps. Viewers switch between the renditions of a picture, so all of them share it. */
  readonly timestampOffset: number;
  /** Takes the encoded frames in order, each after the promise for the one before has settled. Must not reject. */
  readonly emit: (frame: EncodedFrame) => Promise<void>;
  readonly log: Log;
}

/** An open encoder, and the size in pixels of the pictures that it takes. */
interface OpenEncoder {
  readonly encoder: VideoEncoder;
  readonly settings: EncoderSettings;
  /** Bits per second of level 0. */
  readonly fullBitrate: number;
  readonly width: number;
  readonly height: number;
}

/** Encodes one rendition of a stream. Errors are logged, and the encoder is opened again. */
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

  /** Counts frames replaced by newer ones before they were encoded, and encoder failures. */
  get counters(): { readonly dropped: number; readonly failures: number } {
    return { dropped: this.#work.dropped, failures: this.#failures };
  }

  /**
   * Encodes the frame, unless a newer one replaces it before its turn.
   * @param isStill the frame equals the one before: after the refinement, only the heartbeat encodes it.
   */
  push(frame: RawFrame, isStill = false): void {
    if (this.#stopped) return;
    this.#last = frame;
    const now = this.#options.clock.now();
    if (!isStill) this.#changedAt = now;
    else if (now - this.#changedAt >= REFINEMENT_DURATION) return;
    // If no frame follows one that the level skips, the heartbeat encodes it.
    if (this.#pushed++ % rungOf(this.#options.level).every === 0) this.#work.push(frame);
    this.#scheduleHeartbeat();
  }

  /** Makes a keyframe as soon as the rate limit allows: of the last picture, if no newer one comes first. */
  requestKeyframe(): void {
    this.#keyframes.request();
    this.#planKeyframe();
  }

  /** Stops encoding and frees the encoder. */
  stop(): void {
    this.#stopped = true;
    this.#stopHeartbeat?.();
    this.#stopKeyframe?.();
    this.#work.close();
    // An encode in flight still uses native memory, and closes the encoder when it is done.
    if (!this.#work.busy) this.#closeEncoder();
  }

  #scheduleHeartbeat(): void {
    const { clock } = this.#options;
    const isRefining = clock.now() - this.#changedAt < REFINEMENT_DURATION;
    this.#stopHeartbeat?.();
    this.#stopHeartbeat = clock.after(isRefining ? REFINEMENT_INTERVAL : HEARTBEAT, () => {
      this.#scheduleHeartbeat();
      this.#encodeLast();
    });
  }

  /** Encodes the last picture again, with the present time. */
  #encodeLast(): void {
    if (!this.#last || this.#work.busy || this.#stopped) return;
    const now = this.#options.clock.now();
    this.#work.push({ ...this.#last, timings: { captured: now, received: now, decoded: now } });
  }

  #planKeyframe(): void {
    const wait = this.#keyframes.wait(this.#options.clock.now());
    if (wait === undefined || this.#stopped) return;
    this.#stopKeyframe?.();
    if (wait === 0) this.#encodeLast();
    else this.#stopKeyframe = this.#options.clock.after(wait, () => this.#encodeLast());
  }

  async #encode(frame: RawFrame): Promise<void> {
    const { clock, emit, log } = this.#options;
    if (clock.now() < this.#retryAt) return;
    try {
      const { encoder, settings, fullBitrate } = await this.#encoderFor(frame);
      const key = this.#keyframes.wait(clock.now()) === 0;
      const rtpTimestamp = this.#timestamp(frame.timings.captured);
      const { type, data } = await encoder.encode(frame, key);
      const encoded = clock.now();
      if (type === "key") this.#keyframes.made(encoded);
      const { kind: _kind, format: _format, timings, ...about } = frame;
      const { codec } = encoder;
      const { width, height } = settings;
      const { level } = this.#options;
      // One frame may be encoded while the one before is sent. So slow sending slows down encoding.
      await this.#emitted;
      if (!this.#stopped)
        this.#emitted = emit({
          ...about,
          codec,
          level,
          width,
          height,
          fullBitrate,
          type,
          rtpTimestamp,
          data,
          timings: { ...timings, encoded },
        });
    } catch (error) {
      this.#failures++;
      this.#retryAt = clock.now() + RETRY_DELAY;
      this.#closeEncoder();
      log(`The encoder failed; it is reopened in ${RETRY_DELAY / 1000} s: ${reasonOf(error)}`, {
        level: "error",
      });
    }
    if (this.#stopped) this.#closeEncoder();
    else this.#planKeyframe();
  }

  /** The open encoder; a changed picture size opens a new one. */
  async #encoderFor({ width, height }: RawFrame): Promise<OpenEncoder> {
    const open = this.#encoder;
    if (open?.width === width && open.height === height) return open;
    this.#closeEncoder();
    const { level } = this.#options;
    const all = Math.max(1, Math.round(this.#options.fps()));
    const fullBitrate = this.#options.bitrate ?? defaultBitrate(width, height, all);
    const fps = Math.max(1, Math.round(all / rungOf(level).every));
    const settings = { ...sizeAt(level, width, height), fps, bitrate: bitrateAt(level, fullBitrate) };
    const encoder = this.#options.encoder();
    await encoder.open(settings);
    this.#encoder = { encoder, settings, fullBitrate, width, height };
    return this.#encoder;
  }

  #closeEncoder(): void {
    this.#encoder?.encoder.close();
    this.#encoder = undefined;
  }

  /** The capture time as a 90 kHz RTP timestamp, always larger than the one before. */
  #timestamp(captured: EpochMs): number {
    const ticks = Math.max(Math.round(captured * 90), this.#lastTicks + 1);
    this.#lastTicks = ticks;
    return (ticks + this.#options.timestampOffset) % 2 ** 32;
  }
}
