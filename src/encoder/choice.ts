/** What encodes H.264 on this machine. */
import type { Clock } from "../timing.ts";
import type { VideoEncoder } from "./encoder.ts";
import { withFallback } from "./fallback.ts";
import { FfmpegH264Encoder } from "./h264.ts";
import { findHardware, hardwareEncoder } from "./hardware.ts";

/** Looks for hardware, says what it found, and makes encoders: by hardware until that fails, then by x264. */
export async function chooseH264(
  log: (line: string) => void,
  clock: Clock,
  find = findHardware,
): Promise<() => VideoEncoder> {
  const found = await find();
  const [best] = found;
  log(
    best
      ? `H.264 is encoded by ${best}; what works here: ${found.join(", ")}.`
      : "No graphics processor here encodes H.264: x264 does.",
  );
  const software = { name: "x264", make: () => new FfmpegH264Encoder() };
  if (!best) return software.make;
  return withFallback([{ name: best, make: () => hardwareEncoder(best) }, software], log, clock);
}
