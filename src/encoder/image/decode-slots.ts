/** The places in which pictures are decoded and encoded, of all streams. */
import { availableParallelism } from "node:os";
import { Slots, type Use } from "./fair-slots.ts";

/** In this process: files, names and video need its threads too, and the machine's cores. */
const here = new Slots(Math.max(2, Math.min(3, availableParallelism())));

/** In processes that decode, of which one that takes too long leaves room for two: each may take much memory. */
export const outside = new Slots(Math.max(3, Math.min(4, availableParallelism())));

/** Runs a stream's work on a picture in this process, when it is its turn: work that always ends within a moment. */
export async function inTurn<T>(use: Use, run: () => Promise<T>): Promise<T> {
  const end = await here.take(use);
  try {
    return await run();
  } finally {
    end();
  }
}
