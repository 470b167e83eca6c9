/** Runs FFmpeg's encoders in this process (node-av). Each codec has a recipe, as in `vp8.ts` and `h264.ts`. */

import type { FFVideoEncoder } from "node-av/constants";
import { AV_LOG_ERROR, AV_PICTURE_TYPE_I, AV_PICTURE_TYPE_NONE } from "node-av/constants";
import { CodecContext, Dictionary, Codec as FfmpegCodec, Frame, Log, Packet, Rational } from "node-av/lib";
import type { EpochMs, Millis } from "../../base/clock.ts";
import type { Codec, RawFrame } from "../../media/frame.ts";
import type { Bitstream, EncoderSettings, VideoEncoder } from "../encoder.ts";
import { PixelConverter } from "../pixels/converter.ts";
import type { Matrix } from "../pixels/matrix.ts";
import { repeatEdges } from "../pixels/planes.ts";
import { FFMPEG_FORMATS } from "../pixels/swscale.ts";
import { check } from "./check.ts";
import { FramePace } from "./frame-pace.ts";
import { Surfaces } from "./surfaces.ts";

Log.setLevel(AV_LOG_ERROR);

/** The settings of one of FFmpeg's encoders. */
export interface Recipe {
  readonly codec: Codec;
  /** FFmpeg's name of the encoder. */
  readonly encoder: FFVideoEncoder;
  /** The layout of its input. */
  readonly pixels: "i420" | "nv12";
  /** Set if pictures must be in memory of a graphics processor. */
  readonly surfaces?: "vaapi";
  /** Whether width and height must be even; the last column or row of an odd size is then encoded twice. */
  readonly evenSides: boolean;
  /** Minimum of width and height in pixels, 1 by default. A smaller picture is enlarged. */
  readonly smallestSide?: number;
  /**
   * Whether the open encoder follows a changed bitrate. If so, the bitrate corrects for the real frame rate, because
   * these encoders divide it by the expected frame rate (see {@link FramePace}).
   */
  readonly adjustable: boolean;
  matrix(settings: EncoderSettings): Matrix;
  /** Number of encoder threads. */
  threads(settings: EncoderSettings): number;
  /** Private options of the encoder, by FFmpeg's names. */
  options(settings: EncoderSettings): Readonly<Record<string, string>>;
  /** Sets the limits that belong to the bitrate. `requested` is the bitrate corrected for the real frame rate. */
  limit?(context: CodecContext, bitrate: number, requested: number): void;
  /** Sets further fields of the context before it is opened. */
  describe?(context: CodecContext, settings: EncoderSettings): void;
}

/** The native objects of an open encoder. */
interface Opened {
  readonly settings: EncoderSettings;
  readonly context: CodecContext;
  readonly packet: Packet;
  /** The input of the encoder: planar YUV 4:2:0, limited range. */
  readonly yuv: Frame;
  readonly toYuv: PixelConverter;
  readonly surfaces: Surfaces | undefined;
  readonly pace: FramePace;
  /** Capture time of the first frame. */
  since?: EpochMs;
  /** Capture time of the last frame, relative to the first. */
  last: Millis;
}

/** A video encoder made of one of FFmpeg's and a recipe for it. */
export class FfmpegEncoder implements VideoEncoder {
  readonly codec: Codec;
  readonly #recipe: Recipe;
  #opened: Opened | undefined;
  #pts = 0;

  constructor(recipe: Recipe) {
    this.#recipe = recipe;
    this.codec = recipe.codec;
  }

  async open(wanted: EncoderSettings): Promise<void> {
    this.close();
    const { encoder, pixels, evenSides, smallestSide = 1 } = this.#recipe;
    const settings = {
      ...wanted,
      width: Math.max(smallestSide, wanted.width),
      height: Math.max(smallestSide, wanted.height),
    };
    const codec = FfmpegCodec.findEncoderByName(encoder);
    if (!codec) throw new Error(`this build of node-av lacks ${encoder}: reinstall it with \`npm install\``);

    const [width, height] = [settings.width, settings.height].map((side) =>
      evenSides ? side + (side % 2) : side,
    ) as [number, number];
    const [context, packet, yuv] = [new CodecContext(), new Packet(), new Frame()];
    const toYuv = new PixelConverter(pixels, this.#recipe.matrix(settings));
    const surfaces = this.#recipe.surfaces && new Surfaces(this.#recipe.surfaces);
    const pace = new FramePace(settings.fps);
    this.#opened = {
      settings,
      context,
      packet,
      yuv,
      toYuv,
      surfaces,
      pace,
      last: -1000 / settings.fps,
    };
    try {
      context.allocContext3(codec);
      context.width = width;
      context.height = height;
      context.pixelFormat = FFMPEG_FORMATS[pixels];
      context.timeBase = new Rational(1, 1000);
      context.framerate = new Rational(settings.fps, 1);
      // Keyframes only on request.
      context.gopSize = 0x7fffffff;
      context.maxBFrames = 0;
      context.threadCount = this.#recipe.threads(settings);
      this.#requestBitrate(this.#opened);
      this.#recipe.describe?.(context, settings);
      surfaces?.open(context, pixels);
      // Not open2Sync: it frees the options twice, and a later garbage collection crashes the process.
      const options = Dictionary.fromObject(this.#recipe.options(settings));
      const code = await context.open2(codec, options);
      // Keep the options until here: the library reads them on another thread.
      options.free();
      check(code, `open the encoder ${encoder}`);

      packet.alloc();
      yuv.alloc();
      yuv.width = width;
      yuv.height = height;
      yuv.format = FFMPEG_FORMATS[pixels];
      check(yuv.getBuffer(), "allocate a picture");
    } catch (error) {
      this.close();
      throw error;
    }
  }

  async encode(frame: RawFrame, key: boolean): Promise<Bitstream> {
    const opened = this.#opened;
    if (!opened) throw new Error("the encoder is not open");
    opened.since ??= frame.timings.captured;
    const { context, packet, yuv, toYuv, surfaces, settings } = opened;
    const planes = { data: yuv.data ?? [], strides: yuv.linesize };
    await toYuv.convert(frame, planes, settings);
    if (this.#recipe.evenSides) repeatEdges(planes, settings.width, settings.height);

    // Rate control goes by real times, not by the expected frame rate (decision 0007).
    const captured = Math.max(opened.last + 1, frame.timings.captured - opened.since);
    opened.pace.addInterval(captured - opened.last);
    opened.last = captured;
    if (this.#recipe.adjustable) this.#requestBitrate(opened);
    const picture = surfaces ? await surfaces.upload(yuv) : yuv;
    // libvpx takes one short interval for a higher frame rate, and starves frames for seconds: pass the smoothed one.
    const duration = Math.max(1, Math.round(opened.pace.interval));
    picture.pts = BigInt(this.#pts);
    picture.duration = BigInt(duration);
    this.#pts += duration;
    picture.pictType = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    check(await context.sendFrame(picture), "encode a frame");
    check(await context.receivePacket(packet), "take the encoded frame");
    // A copy, because `unref` frees the packet's memory.
    const data = Buffer.from(packet.data ?? []);
    const type = packet.isKeyframe ? "key" : "delta";
    packet.unref();
    return { type, data };
  }

  close(): void {
    const opened = this.#opened;
    this.#opened = undefined;
    this.#pts = 0;
    opened?.toYuv.close();
    opened?.yuv.free();
    opened?.packet.free();
    opened?.context.freeContext();
    opened?.surfaces?.close();
  }

  #requestBitrate({ context, settings, pace }: Opened): void {
    const requested = Math.round(settings.bitrate * pace.share);
    context.bitRate = BigInt(requested);
    this.#recipe.limit?.(context, settings.bitrate, requested);
  }
}
