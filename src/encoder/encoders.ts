/** Finds the codecs that this machine can encode, and makes their encoders: hardware first, software if that fails. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Codec } from "../media/frame.ts";
import type { VideoEncoder } from "./encoder.ts";
import { type EncoderChoice, withFallback } from "./fallback.ts";
import { FfmpegAv1Encoder } from "./ffmpeg/av1.ts";
import { FfmpegH264Encoder } from "./ffmpeg/h264.ts";
import { findHardware, type HardwareCodec, hardwareEncoder } from "./ffmpeg/hardware.ts";
import { FfmpegVp8Encoder } from "./ffmpeg/vp8.ts";

/** The message if AV1 is the only codec requested, and no hardware encodes it. */
export const NO_AV1 = "No graphics processor here encodes AV1: add another codec, as in --codecs av1,vp8.";

const NAMES = { h264: "H.264", av1: "AV1" } as const;

const SOFTWARE = {
  h264: { name: "x264", make: () => new FfmpegH264Encoder() },
  av1: { name: "SVT-AV1", make: () => new FfmpegAv1Encoder() },
} as const satisfies Record<HardwareCodec, EncoderChoice>;

/** The codecs that `--codecs` names. `h264-single` is only a variant of H.264 for some viewers. */
export type OfferedCodec = Exclude<Codec, "h264-single">;

/** What this machine encodes. */
export interface Encoders {
  /** By preference; may be empty. */
  readonly codecs: readonly OfferedCodec[];
  /** Makes an encoder, not yet open. Throws for AV1 if no hardware encodes it. */
  readonly make: (codec: Codec) => VideoEncoder;
  /** Starts the search for H.264 hardware, if H.264 is offered. x264 encodes until the search succeeds. */
  readonly lookForHardware: () => void;
}

/**
 * Searches for AV1 hardware at once, because AV1 is offered only with hardware. The search for H.264 hardware waits for
 * {@link Encoders.lookForHardware}: it must not delay the start, nor outlive a start that fails.
 */
export async function findEncoders(
  wanted: readonly OfferedCodec[],
  log: Log,
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
        // Not all hardware lets the caller limit the size of a slice.
        return new FfmpegH264Encoder(codec);
      case "av1":
        if (!newAv1) throw new Error("no hardware here encodes AV1");
        return newAv1();
    }
  };
  return { codecs: wanted.filter((codec) => codec !== "av1" || newAv1), make, lookForHardware };
}

/**
 * Searches for hardware and logs the result.
 * @returns makes encoders: hardware until it fails, then software. Undefined if there is no hardware.
 */
export async function chooseHardware(
  codec: HardwareCodec,
  log: Log,
  clock: Clock,
  find = findHardware,
): Promise<(() => VideoEncoder) | undefined> {
  const found = await find(codec);
  const [best] = found;
  const instead = codec === "h264" ? "x264 encodes it" : "AV1 is not offered";
  log(
    best
      ? `${best} encodes ${NAMES[codec]}; hardware that works here: ${found.join(", ")}.`
      : `No graphics processor here encodes ${NAMES[codec]}: ${instead}.`,
  );
  if (!best) return undefined;
  const hardware = { name: best, make: () => hardwareEncoder(codec, best) };
  return withFallback([hardware, SOFTWARE[codec]], log, clock);
}
