/** The loop's flag files, and what the flag `written` says of the picture. */
import type { Disk } from "./disk.ts";

/** A flag file as found. `absent` also stands for one that says neither: it says nothing we know. */
export type Flag =
  | { readonly says: "absent" }
  /** `empty`: seen between the truncation and the write of somebody who rewrites it. */
  | { readonly says: "0" | "1" | "empty"; readonly mtimeNs: bigint };

const ABSENT: Flag = { says: "absent" };

/** More than a digit between white space needs. */
const FLAG_BYTES = 64;

/** Reads a flag file; never rejects. */
export async function readFlag(path: string, disk: Disk): Promise<Flag> {
  try {
    const file = await disk.open(path);
    try {
      const buffer = Buffer.alloc(FLAG_BYTES);
      const length = await disk.read(file, buffer, 0);
      const { mtimeNs } = await disk.fstat(file);
      const text = buffer.toString("latin1", 0, length).trim();
      if (text === "") return { says: "empty", mtimeNs };
      return text === "0" || text === "1" ? { says: text, mtimeNs } : ABSENT;
    } finally {
      await disk.close(file);
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
 * A tie is left to the order of the file events: see `PictureFile`.
 */
export function phaseOf(written: Flag, pictureMtimeNs: bigint): Phase {
  if (written.says !== "0" || written.mtimeNs > pictureMtimeNs) return "resting";
  return written.mtimeNs === pictureMtimeNs ? "tie" : "writing";
}
