/** A lane's encoder and a decoder, through FFmpeg, frame by frame. */
import {
  AV_CODEC_ID_H264,
  AV_CODEC_ID_VP8,
  AV_PICTURE_TYPE_I,
  AV_PICTURE_TYPE_NONE,
  AV_PIX_FMT_YUV420P,
} from "node-av/constants";
import { Codec, CodecContext, Dictionary, FFmpegError, Frame, Packet, Rational } from "node-av/lib";
import type { Planes } from "../../src/encoder/pixels/planes.ts";
import type { Lane } from "./lanes.ts";
import type { Shot } from "./pictures.ts";
import type { Plane } from "./ssim.ts";

const DECODERS = { vp8: AV_CODEC_ID_VP8, h264: AV_CODEC_ID_H264 } as const;

/** The cost of encoding one frame. */
interface Cost {
  /** CPU milliseconds of all threads of this process. */
  readonly cpu: number;
  /** Milliseconds until the bitstream was ready. */
  readonly wall: number;
  readonly bytes: number;
}

/** Encodes and decodes frames one at a time. Call {@link Coder.open} first. */
export class Coder {
  readonly #shot: Shot;
  readonly #encoder = new CodecContext();
  readonly #decoder = new CodecContext();
  readonly #packet = new Packet();
  readonly #yuv = new Frame();
  readonly #shown = new Frame();

  constructor(shot: Shot) {
    this.#shot = shot;
  }

  /**
   * @param bitrate target in bits per second
   * @throws if FFmpeg cannot open the encoder or the decoder
   */
  async open(lane: Lane, bitrate: number): Promise<void> {
    const { width, height, fps } = this.#shot;
    const codec = found(Codec.findEncoderByName(lane.encoder));
    // As in src/encoder/ffmpeg/ffmpeg.ts.
    const encoder = this.#encoder;
    encoder.allocContext3(codec);
    encoder.width = width;
    encoder.height = height;
    encoder.pixelFormat = AV_PIX_FMT_YUV420P;
    encoder.timeBase = new Rational(1, 1000);
    encoder.framerate = new Rational(fps, 1);
    encoder.bitRate = BigInt(bitrate);
    encoder.gopSize = 0x7fffffff;
    encoder.threadCount = lane.threads;
    const options = Dictionary.fromObject(lane.options(bitrate));
    check(await encoder.open2(codec, options), "open the encoder");
    options.free();

    const decoding = found(Codec.findDecoder(DECODERS[lane.codec]));
    this.#decoder.allocContext3(decoding);
    this.#decoder.threadCount = 1;
    check(await this.#decoder.open2(decoding), "open the decoder");
    this.#packet.alloc();
    this.#shown.alloc();
    this.#yuv.alloc();
    this.#yuv.width = width;
    this.#yuv.height = height;
    this.#yuv.format = AV_PIX_FMT_YUV420P;
    check(this.#yuv.getBuffer(), "allocate a picture");
  }

  /** Encodes frame `n` (0 as a keyframe) and decodes it into {@link Coder.luma}. */
  async code({ data, strides }: Planes, n: number): Promise<Cost> {
    const yuv = this.#yuv;
    for (const [plane, pixels] of data.entries())
      copyRows(pixels, strides[plane] ?? 0, yuv.data?.[plane] as Buffer, yuv.linesize[plane] ?? 0);
    yuv.pts = BigInt(Math.round((n * 1000) / this.#shot.fps));
    yuv.duration = BigInt(Math.round(1000 / this.#shot.fps));
    yuv.pictType = n === 0 ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;

    const before = process.cpuUsage();
    const start = performance.now();
    check(await this.#encoder.sendFrame(yuv), "encode a frame");
    check(await this.#encoder.receivePacket(this.#packet), "take the encoded frame");
    const wall = performance.now() - start;
    const { user, system } = process.cpuUsage(before);
    const bytes = this.#packet.size;

    check(await this.#decoder.sendPacket(this.#packet), "decode a frame");
    check(await this.#decoder.receiveFrame(this.#shown), "take the decoded frame");
    this.#packet.unref();
    return { cpu: (user + system) / 1000, wall, bytes };
  }

  /** The luma of the decoded frame, valid until the next frame. */
  get luma(): Plane {
    return { data: this.#shown.data?.[0] ?? Buffer.alloc(0), stride: this.#shown.linesize[0] ?? 0 };
  }

  /** Frees FFmpeg's memory. */
  close(): void {
    this.#yuv.free();
    this.#shown.free();
    this.#packet.free();
    this.#encoder.freeContext();
    this.#decoder.freeContext();
  }
}

/** Copies rows without padding into rows with padding. */
function copyRows(from: Buffer, width: number, to: Buffer, stride: number): void {
  for (let at = 0, row = 0; at < from.length; at += width, row += stride) from.copy(to, row, at, at + width);
}

function found(codec: Codec | null): Codec {
  if (!codec) throw new Error("This build of node-av lacks a codec.");
  return codec;
}

function check(code: number, what: string): void {
  if (code < 0) throw new Error(`cannot ${what}: ${new FFmpegError(code).message}`);
}
