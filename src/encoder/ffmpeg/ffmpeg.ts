/** Encoders of FFmpeg's in this process (node-av). What is one codec's own is its recipe, in `vp8.ts` and `h264.ts`. */

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
import { Pace } from "./frame-pace.ts";
import { Surfaces } from "./surfaces.ts";

Log.setLevel(AV_LOG_ERROR);

/** What one encoder has of its own. */
export interface Recipe {
  readonly codec: Codec;
  /** FFmpeg's name of it. */
  readonly encoder: FFVideoEncoder;
  /** What it takes. */
  readonly pixels: "i420" | "nv12";
  /** The memory of a graphics processor that the pictures must be in. */
  readonly surfaces?: "vaapi";
  /** It cannot have odd sizes: the last column or row is encoded twice. */
  readonly evenSides: boolean;
  /** Pixels that each side has at least: a smaller picture is enlarged; 1 where it is left out. */
  readonly smallestSide?: number;
  /**
   * Whether a changed bitrate is followed. Those that do are told of the pace of the frames by it: they give each frame
   * the bits of the rate expected.
   */
  readonly adjustable: boolean;
  matrix(settings: EncoderSettings): Matrix;
  threads(settings: EncoderSettings): number;
  /** FFmpeg's names of options. */
  options(settings: EncoderSettings): Readonly<Record<string, string>>;
  /** Sets what goes with the bitrate: of which so many bits are asked for, given the pace of the frames. */
  limit?(context: CodecContext, bitrate: number, asked: number): void;
  /** Sets what else the context has to know. */
  describe?(context: CodecContext, settings: EncoderSettings): void;
}

/** Everything native that belongs to one size and format of picture. */
interface Opened {
  readonly settings: EncoderSettings;
  readonly context: CodecContext;
  readonly packet: Packet;
  /** The picture as the encoder takes it: planar YUV 4:2:0, limited range. */
  readonly yuv: Frame;
  readonly toYuv: PixelConverter;
  readonly surfaces: Surfaces | undefined;
  readonly pace: Pace;
  /** The time of its first frame. */
  since?: EpochMs;
  /** Of the last frame, in milliseconds since then. */
  last: Millis;
}

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
    if (!codec) throw new Error(`this build of node-av has no ${encoder}: reinstall it with \`npm install\``);

    const [width, height] = [settings.width, settings.height].map((side) =>
      evenSides ? side + (side % 2) : side,
    ) as [number, number];
    const [context, packet, yuv] = [new CodecContext(), new Packet(), new Frame()];
    const toYuv = new PixelConverter(pixels, this.#recipe.matrix(settings));
    const surfaces = this.#recipe.surfaces && new Surfaces(this.#recipe.surfaces);
    const pace = new Pace(settings.fps);
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
      // Keyframes come only when asked for.
      context.gopSize = 0x7fffffff;
      context.maxBFrames = 0;
      context.threadCount = this.#recipe.threads(settings);
      this.#ask(this.#opened);
      this.#recipe.describe?.(context, settings);
      surfaces?.open(context, pixels);
      // Not open2Sync: it frees the options twice, and the process dies at a later garbage collection.
      const options = Dictionary.fromObject(this.#recipe.options(settings));
      const code = await context.open2(codec, options);
      // Not before: the library reads them on another thread, and the collector would not wait for it.
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

    // Bits are spent by these times: by the frames that come, not by the rate once expected.
    const captured = Math.max(opened.last + 1, frame.timings.captured - opened.since);
    opened.pace.took(captured - opened.last);
    opened.last = captured;
    if (this.#recipe.adjustable) this.#ask(opened);
    const picture = surfaces ? await surfaces.upload(yuv) : yuv;
    // libvpx takes a short interval for a new rate, and gives hardly any bits for seconds: it is told the usual one.
    const duration = Math.max(1, Math.round(opened.pace.interval));
    picture.pts = BigInt(this.#pts);
    picture.duration = BigInt(duration);
    this.#pts += duration;
    picture.pictType = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    check(await context.sendFrame(picture), "encode a frame");
    check(await context.receivePacket(packet), "take the encoded frame");
    // The packet's memory is FFmpeg's and goes with unref.
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

  #ask({ context, settings, pace }: Opened): void {
    const asked = Math.round(settings.bitrate * pace.share);
    context.bitRate = BigInt(asked);
    this.#recipe.limit?.(context, settings.bitrate, asked);
  }
}
