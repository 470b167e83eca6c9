/** Reads the loop's flag files, and derives from the flag `written` whether the picture is complete. */
import type { Disk } from "./disk.ts";

/** The content of a flag file. `absent` also stands for unknown content. */
export type Flag =
  | { readonly says: "absent" }
  /** `empty`: the loop has truncated the file and not yet written to it. */
  | { readonly says: "0" | "1" | "empty"; readonly mtimeNs: bigint };

const ABSENT: Flag = { says: "absent" };

/** Room for a digit and white space. */
const FLAG_BYTES = 64;

/** Reads a flag file. Never rejects. */
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

/** `resting`: nobody writes the picture. `tie`: flag and picture have the same time of writing. */
export type Phase = "resting" | "writing" | "tie";

/**
 * Derives from the flag `written` whether the picture rests, that is, nobody writes to it.
 *
 * Waiting for a `1` is not enough: loops hold it for less than a millisecond, so it is often never seen. But the loop
 * writes the flag only while the picture rests: `1` after a picture, `0` before the next. So the picture rests if the
 * flag is newer, whatever it says, or empty, because then the loop writes the flag now. The picture is being written
 * only if the flag says `0` and is older. This also detects a mixture of two pictures, which a writer that overwrites
 * in place produces and which looks like a whole JPEG.
 *
 * The result is valid if the flag was read between two equal `stat`s of the picture. `PictureFile` resolves a tie by
 * the order of file events.
 */
export function phaseOf(written: Flag, pictureMtimeNs: bigint): Phase {
  if (written.says !== "0" || written.mtimeNs > pictureMtimeNs) return "resting";
  return written.mtimeNs === pictureMtimeNs ? "tie" : "writing";
}
