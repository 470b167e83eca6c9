/** When to ask again (RFC 9110, section 10.2.3). */
import type { Millis } from "../base/clock.ts";

const SOON: Millis = 5000;

/** After how long a request that was answered with the status may go better, unless the answer itself knows; undefined where it would not. */
export function patienceFor(status: number): Millis | undefined {
  return status === 429 || status === 503 ? SOON : undefined;
}

/** As the header has it. */
export function retryAfter(patience: Millis): string {
  return String(Math.ceil(patience / 1000));
}
