/** Encoders by preference, such as hardware before software: one that fails is left for good. */

import type { Clock, Millis } from "../base/clock.ts";
import type { RawFrame } from "../media/frame.ts";
import type { Bitstream, EncoderSettings, VideoEncoder } from "./encoder.ts";

/** Hardware that has not encoded a frame by then has hung: its driver may never return. */
export const HUNG_AFTER: Millis = 2000;

/** Something that makes an encoder, not yet open. */
export interface Choice {
  /** For people. */
  readonly name: string;
  readonly make: () => VideoEncoder;
}

/**
 * Makes the first; once one that it made has failed or hung, the next, and so on; the last it keeps, come what may.
 * Whoever opens a failed encoder anew, as a rendition does, so gets one that works.
 */
export function withFallback(
  choices: readonly [...Choice[], Choice],
  log: (line: string) => void,
  clock: Clock,
): () => VideoEncoder {
  let at = 0;
  return () => {
    const chosen = at;
    const choice = choices[chosen] as Choice;
    const next = choices[chosen + 1];
    const encoder = choice.make();
    if (!next) return encoder;
    return new Watched(encoder, clock, () => {
      // Others of the same kind may have failed already.
      if (at !== chosen) return;
      at = chosen + 1;
      log(`${choice.name} failed: from now on ${next.name} encodes.`);
    });
  };
}

/** An encoder whose failures somebody hears of; not to return in time is one. */
class Watched implements VideoEncoder {
  readonly codec: VideoEncoder["codec"];
  readonly #encoder: VideoEncoder;
  readonly #clock: Clock;
  readonly #failed: () => void;
  /** What it has not returned from. */
  #doing: Promise<unknown> | undefined;

  constructor(encoder: VideoEncoder, clock: Clock, failed: () => void) {
    this.codec = encoder.codec;
    this.#encoder = encoder;
    this.#clock = clock;
    this.#failed = failed;
  }

  open(settings: EncoderSettings): Promise<void> {
    return this.#watch(this.#encoder.open(settings));
  }

  encode(frame: RawFrame, key: boolean): Promise<Bitstream> {
    return this.#watch(this.#encoder.encode(frame, key));
  }

  close(): void {
    // One that hangs still uses its memory: it is freed should it ever return.
    const free = () => this.#encoder.close();
    if (this.#doing === undefined) free();
    else void this.#doing.then(free, free);
  }

  async #watch<T>(doing: Promise<T>): Promise<T> {
    this.#doing = doing;
    let stop = () => {};
    const hung = new Promise<never>((_, reject) => {
      stop = this.#clock.after(HUNG_AFTER, () => reject(new Error("it does not return")));
    });
    const returned = doing.finally(() => {
      this.#doing = undefined;
    });
    try {
      return await Promise.race([returned, hung]);
    } catch (error) {
      this.#failed();
      throw error;
    } finally {
      stop();
    }
  }
}
