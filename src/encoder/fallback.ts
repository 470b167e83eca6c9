/** Encoders by preference, such as hardware before software: one that fails is left for good. */
import type { RawFrame } from "../frame.ts";
import type { Bitstream, EncoderSettings, VideoEncoder } from "./encoder.ts";

/** Something that makes an encoder, not yet open. */
export interface Choice {
  /** For people. */
  readonly name: string;
  readonly make: () => VideoEncoder;
}

/**
 * Makes the first; once one that it made has failed, the next, and so on; the last it keeps, come what may.
 * Whoever opens a failed encoder anew, as a rendition does, so gets one that works.
 */
export function withFallback(
  choices: readonly [...Choice[], Choice],
  log: (line: string) => void,
): () => VideoEncoder {
  let at = 0;
  return () => {
    const chosen = at;
    const choice = choices[chosen] as Choice;
    const next = choices[chosen + 1];
    const encoder = choice.make();
    if (!next) return encoder;
    return new Watched(encoder, () => {
      // Others of the same kind may have failed already.
      if (at !== chosen) return;
      at = chosen + 1;
      log(`${choice.name} failed: from now on ${next.name} encodes.`);
    });
  };
}

/** An encoder whose failures somebody hears of. */
class Watched implements VideoEncoder {
  readonly codec: VideoEncoder["codec"];
  readonly #encoder: VideoEncoder;
  readonly #failed: () => void;

  constructor(encoder: VideoEncoder, failed: () => void) {
    this.codec = encoder.codec;
    this.#encoder = encoder;
    this.#failed = failed;
  }

  open(settings: EncoderSettings): Promise<void> {
    return this.#watch(this.#encoder.open(settings));
  }

  encode(frame: RawFrame, key: boolean): Promise<Bitstream> {
    return this.#watch(this.#encoder.encode(frame, key));
  }

  setBitrate(bitrate: number): boolean {
    return this.#encoder.setBitrate(bitrate);
  }

  close(): void {
    this.#encoder.close();
  }

  async #watch<T>(doing: Promise<T>): Promise<T> {
    try {
      return await doing;
    } catch (error) {
      this.#failed();
      throw error;
    }
  }
}
