/** Turns FFmpeg's error codes into errors. */
import { FFmpegError } from "node-av/lib";

/**
 * @param what completes "cannot ..." in the message.
 * @throws {Error} if the code is negative.
 */
export function check(code: number, what: string): void {
  if (code < 0) throw new Error(`cannot ${what}: ${new FFmpegError(code).message}`);
}
