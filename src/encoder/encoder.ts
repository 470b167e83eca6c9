/**
 * The interface of video encoders, independent of the codec library. This room decodes pictures and encodes them as
 * video and JPEG.
 */
import type { Codec, RawFrame } from "../media/frame.ts";

/** The parameters of {@link VideoEncoder.open}. */
export interface EncoderSettings {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Expected frames per second; the real rate may differ. */
  readonly fps: number;
  /** Target bitrate in bits per second. */
  readonly bitrate: number;
}

/** One encoded frame: `data` holds an H.264 Annex B access unit, an AV1 temporal unit or a VP8 frame. */
export interface Bitstream {
  readonly type: "key" | "delta";
  readonly data: Buffer;
}

/** Encodes one frame at a time, in order. Call a method only after the call before has settled. */
export interface VideoEncoder {
  readonly codec: Codec;
  /** Prepares the encoder. Rejects if the library or the codec is missing; the message says what to do. */
  open(settings: EncoderSettings): Promise<void>;
  /**
   * Encodes a frame without delay. The first is always a keyframe. A frame of another size than in `open` is scaled.
   * Rejects if the codec library fails; the encoder must then be closed.
   * @param key forces a keyframe, which is decodable without earlier frames.
   */
  encode(frame: RawFrame, key: boolean): Promise<Bitstream>;
  /** Frees native memory, synchronously. Call it only between frames. */
  close(): void;
}
