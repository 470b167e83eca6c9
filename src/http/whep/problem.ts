/** What a WHEP request is refused with: a problem detail (RFC 9457). */

import type { Millis } from "../../base/clock.ts";
import { retryDelayOf } from "../retry-after.ts";

export class Problem extends Error {
  readonly status: number;
  /** After this long it may go better; undefined where it would not. */
  readonly retryAfter: Millis | undefined;

  /** @param detail a sentence for the user. */
  constructor(status: number, detail: string, retryAfter = retryDelayOf(status)) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}
