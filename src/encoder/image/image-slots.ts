/** The slots in which the pictures of all streams are decoded and encoded. */
import { availableParallelism } from "node:os";
import { FairSlots } from "./fair-slots.ts";
import type { StreamUsage } from "./stream-usage.ts";

/** Work in this process. Files, DNS and video also need libuv's threads, and the CPU cores. */
const localSlots = new FairSlots(Math.max(2, Math.min(3, availableParallelism())));

/** Decoder processes that work at once: one slow process leaves two slots, and each may need much memory. */
export const processSlots = new FairSlots(Math.max(3, Math.min(4, availableParallelism())));

/** Runs quick work on a stream's picture in this process, as soon as a slot is free. Rejects as `run` does. */
export async function withSlot<T>(usage: StreamUsage, run: () => Promise<T>): Promise<T> {
  const release = await localSlots.take(usage);
  try {
    return await run();
  } finally {
    release();
  }
}
