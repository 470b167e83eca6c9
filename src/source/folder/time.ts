import type { EpochMs } from "../../base/clock.ts";

/** Converts a file time in nanoseconds to milliseconds since the Unix epoch. */
export function epochMs(mtimeNs: bigint): EpochMs {
  return (Number(mtimeNs / 1000n) / 1000) as EpochMs;
}
