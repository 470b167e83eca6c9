/** Reads the picture file so that the result is known to be a single state of it. */
import type { Disk } from "./disk.ts";

/** One state of a file, as far as `stat` can tell. */
export interface Identity {
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
}

/** The result of {@link glance}. */
export type Glance =
  | { readonly kind: "absent" }
  | { readonly kind: "unreadable"; readonly why: string }
  | { readonly kind: "file"; readonly id: Identity };

/** The result of {@link readPicture}. */
export type Reading =
  /** The file changed meanwhile. */
  | { readonly kind: "changed" }
  | { readonly kind: "unreadable"; readonly why: string }
  | { readonly kind: "read"; readonly data: Buffer };

/** Whether two states are equal, as far as `stat` can tell. */
export function same(one: Identity, other: Identity): boolean {
  return one.ino === other.ino && one.size === other.size && one.mtimeNs === other.mtimeNs;
}

/** Takes a `stat` of the path, following symlinks. Never rejects. */
export async function glance(path: string, disk: Disk): Promise<Glance> {
  try {
    const stats = await disk.stat(path);
    return stats.isFile()
      ? { kind: "file", id: stats }
      : { kind: "unreadable", why: stats.isDirectory() ? "it is a folder" : "it is not a regular file" };
  } catch (error) {
    return codeOf(error) === "ENOENT" ? { kind: "absent" } : { kind: "unreadable", why: codeOf(error) };
  }
}

/** Reads the file, and checks that it was in the state `id` throughout. Never rejects. */
export async function readPicture(path: string, id: Identity, disk: Disk): Promise<Reading> {
  try {
    const file = await disk.open(path);
    try {
      const data = Buffer.allocUnsafe(Number(id.size));
      for (let filled = 0; filled < data.length; ) {
        const length = await disk.read(file, data, filled);
        if (length === 0) return { kind: "changed" };
        filled += length;
      }
      return same(id, await disk.fstat(file)) ? { kind: "read", data } : { kind: "changed" };
    } finally {
      await disk.close(file);
    }
  } catch (error) {
    // Some writers unlink the file before they create the new one.
    return codeOf(error) === "ENOENT" ? { kind: "changed" } : { kind: "unreadable", why: codeOf(error) };
  }
}

/** The code of a system error, such as `EACCES`. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
