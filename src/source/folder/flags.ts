/** The loop's flag files, and what the flag `written` says of the picture. */
import { constants, open } from "node:fs/promises";

/** A flag file as found. `absent` also stands for one that says neither: it says nothing we know. */
export type Flag =
  | { readonly says: "absent" }
  /** `empty`: seen between the truncation and the write of somebody who rewrites it. */
  | { readonly says: "0" | "1" | "empty"; readonly mtimeNs: bigint };

const ABSENT: Flag = { says: "absent" };

/** Reads without waiting for a writer, should the path be a named pipe. */
export const OPEN_TO_READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** More than a digit between white space needs. */
const FLAG_BYTES = 64;

/** Reads a flag file; never rejects. */
export async function readFlag(path: string): Promise<Flag> {
  try {
    const handle = await open(path, OPEN_TO_READ);
    try {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(FLAG_BYTES), 0, FLAG_BYTES, 0);
      const { mtimeNs } = await handle.stat({ bigint: true });
      const text = buffer.toString("latin1", 0, bytesRead).trim();
      if (text === "") return { says: "empty", mtimeNs };
      return text === "0" || text === "1" ? { says: text, mtimeNs } : ABSENT;
    } finally {
      await handle.close();
    }
  } catch {
    return ABSENT;
  }
}

/** `tie`: flag and picture were written within one tick of the file system's clock. */
export type Phase = "resting" | "writing" | "tie";

/**
 * Whether the picture rests (nobody is writing to it), going by the flag `written`.
 *
 * Why not simply wait for a `1`: loops hold it for well under a millisecond, so it is easily never seen. But the
 * loop writes to the flag only while the picture rests: `1` once the picture is finished, `0` before it touches
 * the next. So the picture rests if the flag was written after it, whatever the flag says; and if the flag is
 * empty, for then it is being written now. It is being written only if the flag says `0` and is older. This also
 * refuses what no look at the bytes can: a writer that overwrites in place leaves whole-looking mixtures of two
 * pictures on its way.
 *
 * It holds for a flag read while the picture did not change, that is between two equal `stat`s of the picture.
 * A tie has to be decided by the order of the file events.
 */
export function phaseOf(written: Flag, pictureMtimeNs: bigint): Phase {
  if (written.says !== "0" || written.mtimeNs > pictureMtimeNs) return "resting";
  return written.mtimeNs === pictureMtimeNs ? "tie" : "writing";
}
