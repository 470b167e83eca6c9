/** What one of the doctor's checks has found. */
export interface Finding {
  /** `bad`: what was asked for does not work. `note`: something is not there that may be wanted. */
  readonly state: "good" | "note" | "bad";
  /** In a few words. */
  readonly text: string;
  /** The one setting to change where it is bad, in a sentence; undefined where the checks' verdict knows. */
  readonly change?: string;
  /** Whether rendercast would not even start so. */
  readonly prevents?: true;
}

/** A result, or that none came in time; what was under way is let go. */
export async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("it takes too long")), milliseconds);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
