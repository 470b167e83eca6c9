/** What every check of the doctor returns. */
import type { Millis } from "../base/clock.ts";

/** The result of one check: a line of the report. */
export interface Finding {
  /** `bad`: something the user configured does not work. `note`: something optional is missing. */
  readonly state: "good" | "note" | "bad";
  /** A few words, without a full stop. */
  readonly text: string;
  /** What to change, in a sentence. If undefined and `bad`, the verdict works it out from all findings. */
  readonly change?: string;
  /** Whether the server would not start. */
  readonly prevents?: true;
}

/**
 * Waits for a result. The work itself goes on after the timeout.
 * @throws {Error} after the timeout.
 */
export async function within<T>(timeout: Millis, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("no result in time")), timeout);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
