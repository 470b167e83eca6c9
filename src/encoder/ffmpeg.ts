/** VP8 by libvpx, through FFmpeg in this process (node-av); only this file and `pixels.ts` know that library. */
import {
  AV_LOG_ERROR,
  AV_PICTURE_TYPE_I,
  AV_PICTURE_TYPE_NONE,
  AV_PIX_FMT_YUV420P,
  FF_ENCODER_LIBVPX_VP8,
} from "node-av/constants";
import { Codec, CodecContext, Dictionary, FFmpegError, Frame, Log, Packet, Rational } from "node-av/lib";
import type { RawFrame } from "../frame.ts";
import type { EpochMs } from "../timing.ts";
import type { Bitstream, EncoderSettings, VideoEncoder } from "./encoder.ts";
import { PixelConverter } from "./pixels.ts";

Log.setLevel(AV_LOG_ERROR);

/** libvpx for live pictures: no frame held back, the fastest of its real-time speeds. */
const LIVE_OPTIONS = { deadline: "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0" };

/** Everything native that belongs to one size and format of picture. */
interface Opened {
  readonly settings: EncoderSettings;
  readonly context: CodecContext;
  readonly packet: Packet;
  /** The time of its first frame. */
  since?: EpochMs;
  /** The picture as libvpx takes it: planar YUV 4:2:0, BT.601, limited range. */
  readonly yuv: Frame;
}

export class FfmpegVp8Encoder implements VideoEncoder {
  readonly codec = "vp8";
  #opened: Opened | undefined;
  readonly #toYuv = new PixelConverter("i420");
  #pts = 0;

  async open(settings: EncoderSettings): Promise<void> {
    this.close();
    const codec = Codec.findEncoderByName(FF_ENCODER_LIBVPX_VP8);
    if (!codec) throw new Error("this build of node-av has no libvpx: reinstall it with `npm install`");

    const context = new CodecContext();
    context.allocContext3(codec);
    context.width = settings.width;
    context.height = settings.height;
    context.pixelFormat = AV_PIX_FMT_YUV420P;
    context.timeBase = new Rational(1, 1000);
    context.framerate = new Rational(settings.fps, 1);
    context.bitRate = BigInt(settings.bitrate);
    // Keyframes come only when asked for.
    context.gopSize = 0x7fffffff;
    // More threads made libvpx slower on two cores.
    context.threadCount = 1;
    // Not open2Sync: it frees the options twice, and the process dies at a later garbage collection.
    const options = Dictionary.fromObject(LIVE_OPTIONS);
    check(await context.open2(codec, options), "open the VP8 encoder");
    // Not before: the library reads them on another thread, and the collector would not wait for it.
    options.free();

    const packet = new Packet();
    packet.alloc();
    const yuv = new Frame();
    yuv.alloc();
    yuv.width = settings.width;
    yuv.height = settings.height;
    yuv.format = AV_PIX_FMT_YUV420P;
    check(yuv.getBuffer(), "allocate a picture");
    this.#opened = { settings, context, packet, yuv };
  }

  async encode(frame: RawFrame, key: boolean): Promise<Bitstream> {
    const opened = this.#opened;
    if (!opened) throw new Error("the encoder is not open");
    opened.since ??= frame.timings.captured;
    const { context, packet, yuv } = opened;
    await this.#toYuv.convert(frame, { data: yuv.data ?? [], strides: yuv.linesize });

    // libvpx spends its bits by these times: by the frames that come, not by the rate once expected.
    this.#pts = Math.max(this.#pts + 1, Math.round(frame.timings.captured - opened.since));
    yuv.pts = BigInt(this.#pts);
    yuv.duration = BigInt(Math.round(1000 / opened.settings.fps));
    yuv.pictType = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    check(await context.sendFrame(yuv), "encode a frame");
    check(await context.receivePacket(packet), "take the encoded frame");
    // The packet's memory is FFmpeg's and goes with unref.
    const data = Buffer.from(packet.data ?? []);
    const type = packet.isKeyframe ? "key" : "delta";
    packet.unref();
    return { type, data };
  }

  close(): void {
    this.#toYuv.close();
    this.#opened?.yuv.free();
    this.#opened?.packet.free();
    this.#opened?.context.freeContext();
    this.#opened = undefined;
    this.#pts = 0;
  }
}

function check(code: number, what: string): void {
  if (code < 0) throw new Error(`cannot ${what}: ${new FFmpegError(code).message}`);
}
