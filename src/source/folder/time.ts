import type { EpochMs } from "../../base/clock.ts";

/** A time of the file system in ours. */
export function epochMs(mtimeNs: bigint): EpochMs {
  return (Number(mtimeNs / 1000n) / 1000) as EpochMs;
}
