/** The contract of a video encoder, so that the codec library behind it can change. */
import type { Codec, RawFrame } from "../media/frame.ts";

/** What an encoder is opened for. */
export interface EncoderSettings {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Frames a second to expect; the rate may differ. */
  readonly fps: number;
  /** Bits a second to aim at. */
  readonly bitrate: number;
}

/** What one frame became. */
export interface Bitstream {
  readonly type: "key" | "delta";
  readonly data: Buffer;
}

/** Encodes one frame at a time, in order: the next call only after the last has settled. */
export interface VideoEncoder {
  readonly codec: Codec;
  /** Makes it ready. Rejects where the library or the codec is not at hand, saying what to do. */
  open(settings: EncoderSettings): Promise<void>;
  /**
   * One frame in, its bitstream out at once; the first is always a keyframe. One of another size than that of `open` is
   * scaled to it.
   * @param key make it a keyframe: decodable without any frame before it.
   */
  encode(frame: RawFrame, key: boolean): Promise<Bitstream>;
  /** Frees it. Waits for nothing; call it only between frames. */
  close(): void;
}
