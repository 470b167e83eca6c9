/** The `Retry-After` header (RFC 9110, section 10.2.3). */
import type { Millis } from "../base/clock.ts";

const DEFAULT_RETRY_DELAY: Millis = 5000;

/** The default delay before a client retries after the status; undefined if a retry does not help. */
export function retryDelayOf(status: number): Millis | undefined {
  return status === 429 || status === 503 ? DEFAULT_RETRY_DELAY : undefined;
}

/** The header's value: whole seconds. */
export function retryAfter(delay: Millis): string {
  return String(Math.ceil(delay / 1000));
}
