/** Errors and their texts, for every room. */

/** A mistake in how rendercast was started. The message is one sentence that says what to do. */
export class UsageError extends Error {}

/** The text of whatever was thrown, for a log line or a longer sentence. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
