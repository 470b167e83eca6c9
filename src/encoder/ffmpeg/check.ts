/** FFmpeg's way to say that something failed, made ours. */
import { FFmpegError } from "node-av/lib";

/** @throws for a code that stands for an error, saying what could not be done. */
export function check(code: number, what: string): void {
  if (code < 0) throw new Error(`cannot ${what}: ${new FFmpegError(code).message}`);
}
