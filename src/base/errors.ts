/** Error types and texts that every room uses. */

/** A mistake in the options or the setup. The message is one sentence that tells the user what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The message of a thrown value, for a log line or as part of a sentence. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
