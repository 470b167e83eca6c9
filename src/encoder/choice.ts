/** What encodes on this machine what hardware may encode. */
import type { Clock } from "../base/clock.ts";
import type { VideoEncoder } from "./encoder.ts";
import { type Choice, withFallback } from "./fallback.ts";
import { FfmpegAv1Encoder } from "./ffmpeg/av1.ts";
import { FfmpegH264Encoder } from "./ffmpeg/h264.ts";
import { findHardware, type HardwareCodec, hardwareEncoder } from "./ffmpeg/hardware.ts";

/** Where AV1 is all that was asked for. */
export const NO_AV1 = "No graphics processor here encodes AV1: give --codecs another too, as in av1,vp8.";

const NAMES = { h264: "H.264", av1: "AV1" } as const;

const SOFTWARE = {
  h264: { name: "x264", make: () => new FfmpegH264Encoder() },
  av1: { name: "SVT-AV1", make: () => new FfmpegAv1Encoder() },
} as const satisfies Record<HardwareCodec, Choice>;

/**
 * Looks for hardware, says what it found, and makes encoders: by hardware until that fails, then by software.
 * @returns undefined where there is no hardware: then software, by which alone AV1 is not worth its time.
 */
export async function chooseHardware(
  codec: HardwareCodec,
  log: (line: string) => void,
  clock: Clock,
  find = findHardware,
): Promise<(() => VideoEncoder) | undefined> {
  const found = await find(codec);
  const [best] = found;
  const none = codec === "h264" ? "x264 does" : "it is not sent";
  log(
    best
      ? `${NAMES[codec]} is encoded by ${best}; what works here: ${found.join(", ")}.`
      : `No graphics processor here encodes ${NAMES[codec]}: ${none}.`,
  );
  if (!best) return undefined;
  const hardware = { name: best, make: () => hardwareEncoder(codec, best) };
  return withFallback([hardware, SOFTWARE[codec]], log, clock);
}
