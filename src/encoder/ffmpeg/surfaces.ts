/** Uploads pictures to a graphics processor, for encoders that read only its memory. */
import { AV_HWDEVICE_TYPE_VAAPI, AV_PIX_FMT_VAAPI } from "node-av/constants";
import { type CodecContext, Frame, HardwareDeviceContext, HardwareFramesContext } from "node-av/lib";
import { FFMPEG_FORMATS } from "../pixels/swscale.ts";
import { check } from "./check.ts";

const KINDS = { vaapi: { device: AV_HWDEVICE_TYPE_VAAPI, format: AV_PIX_FMT_VAAPI } } as const;

/** Number of surfaces: the encoder's reference frames, and one to fill. */
const POOL_SIZE = 8;

/** The surfaces of one encoder. Methods throw if the driver fails. */
export class Surfaces {
  readonly #kind: (typeof KINDS)[keyof typeof KINDS];
  readonly #device = new HardwareDeviceContext();
  readonly #frames = new HardwareFramesContext();
  readonly #surface = new Frame();

  constructor(kind: keyof typeof KINDS) {
    this.#kind = KINDS[kind];
  }

  /** Allocates surfaces of the context's size and attaches them. Call it before the context is opened. */
  open(context: CodecContext, pixels: keyof typeof FFMPEG_FORMATS): void {
    check(this.#device.create(this.#kind.device), "find a graphics processor");
    this.#frames.alloc(this.#device);
    this.#frames.format = this.#kind.format;
    this.#frames.swFormat = FFMPEG_FORMATS[pixels];
    this.#frames.width = context.width;
    this.#frames.height = context.height;
    this.#frames.initialPoolSize = POOL_SIZE;
    check(this.#frames.init(), "allocate surfaces");
    context.pixelFormat = this.#kind.format;
    context.hwFramesCtx = this.#frames;
    this.#surface.alloc();
  }

  /** Copies a picture to a surface. The returned frame is valid until the next call. */
  async upload(picture: Frame): Promise<Frame> {
    this.#surface.unref();
    check(this.#frames.getBuffer(this.#surface), "take a surface");
    check(await this.#frames.transferData(this.#surface, picture), "upload a picture");
    return this.#surface;
  }

  /** Frees all native memory. */
  close(): void {
    this.#surface.free();
    this.#frames.free();
    this.#device.free();
  }
}
