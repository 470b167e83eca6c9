/** Which of the codecs asked for this machine can send, and what encodes them. */

import type { Clock } from "../base/clock.ts";
import type { Codec } from "../media/frame.ts";
import { chooseHardware } from "./choice.ts";
import type { VideoEncoder } from "./encoder.ts";
import { FfmpegH264Encoder } from "./ffmpeg/h264.ts";
import { findHardware } from "./ffmpeg/hardware.ts";
import { FfmpegVp8Encoder } from "./ffmpeg/vp8.ts";

/** AV1 only where it is asked for. */
export type Sent = Exclude<Codec, "h264-single">;

export interface Encoders {
  /** By preference; may be none. */
  readonly codecs: readonly Sent[];
  /** Makes an encoder, not yet open. */
  readonly make: (codec: Codec) => VideoEncoder;
  /** Looks for H.264's hardware, if H.264 is sent, by trial and without waiting; until it is found, x264 encodes. */
  readonly lookForHardware: () => void;
}

/**
 * Hardware for AV1 is looked for now, since without it there is none to offer; that for H.264 once the server serves, so
 * that it neither delays a start nor outlives one that fails.
 */
export async function findEncoders(
  wanted: readonly Sent[],
  log: (line: string) => void,
  clock: Clock,
  find = findHardware,
): Promise<Encoders> {
  const newAv1 = wanted.includes("av1") ? await chooseHardware("av1", log, clock, find) : undefined;
  let newH264 = (): VideoEncoder => new FfmpegH264Encoder();
  const lookForHardware = () => {
    if (!wanted.includes("h264")) return;
    void chooseHardware("h264", log, clock, find).then((choice) => {
      newH264 = choice ?? newH264;
    });
  };
  const make = (codec: Codec) => {
    switch (codec) {
      case "vp8":
        return new FfmpegVp8Encoder();
      case "h264":
        return newH264();
      case "h264-single":
        // Not all hardware can be told how large a slice may be.
        return new FfmpegH264Encoder(codec);
      case "av1":
        if (!newAv1) throw new Error("nothing here encodes AV1");
        return newAv1();
    }
  };
  return { codecs: wanted.filter((codec) => codec !== "av1" || newAv1), make, lookForHardware };
}
