/** Falls back from one kind of encoder to the next, such as from hardware to software, and never returns. */

import type { Clock, Millis } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { RawFrame } from "../media/frame.ts";
import type { Bitstream, EncoderSettings, VideoEncoder } from "./encoder.ts";

/** An encoder that takes longer for one call hangs: a hardware driver may never return. */
export const ENCODER_TIMEOUT: Millis = 2000;

/** A kind of encoder that can be chosen. */
export interface EncoderChoice {
  /** For the log, such as `x264`. */
  readonly name: string;
  /** Makes an encoder, not yet open. */
  readonly make: () => VideoEncoder;
}

/**
 * Makes encoders of the first choice until one of them fails or hangs, then of the next. The last choice stays, even
 * if it fails. The caller must make a new encoder after a failure, as a rendition does.
 */
export function withFallback(
  choices: readonly [...EncoderChoice[], EncoderChoice],
  log: Log,
  clock: Clock,
): () => VideoEncoder {
  let at = 0;
  return () => {
    const chosen = at;
    const choice = choices[chosen] as EncoderChoice;
    const next = choices[chosen + 1];
    const encoder = choice.make();
    if (!next) return encoder;
    return new MonitoredEncoder(encoder, clock, () => {
      // Another encoder of this choice may have failed before.
      if (at !== chosen) return;
      at = chosen + 1;
      log(`${choice.name} failed: ${next.name} encodes instead.`, { level: "warn" });
    });
  };
}

/** Reports the failures of an encoder, timeouts included. */
class MonitoredEncoder implements VideoEncoder {
  readonly codec: VideoEncoder["codec"];
  readonly #encoder: VideoEncoder;
  readonly #clock: Clock;
  readonly #failed: () => void;
  /** The call that has not settled yet. */
  #pending: Promise<unknown> | undefined;

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
    // A call that hangs still uses the memory, so free it only after the call returns.
    const free = () => this.#encoder.close();
    if (this.#pending === undefined) free();
    else void this.#pending.then(free, free);
  }

  async #watch<T>(call: Promise<T>): Promise<T> {
    this.#pending = call;
    let stop = () => {};
    const hung = new Promise<never>((_, reject) => {
      stop = this.#clock.after(ENCODER_TIMEOUT, () =>
        reject(new Error(`it did not return within ${ENCODER_TIMEOUT / 1000} seconds`)),
      );
    });
    const returned = call.finally(() => {
      this.#pending = undefined;
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
