/** Problem details: the body of refused WHEP requests (RFC 9457). */

import type { Millis } from "../../base/clock.ts";
import { retryDelayOf } from "../retry-after.ts";

/** Refuses a WHEP request. */
export class Problem extends Error {
  readonly status: number;
  /** The delay before a retry; undefined if a retry does not help. */
  readonly retryAfter: Millis | undefined;

  /** @param detail what happened and what to do, for the user. */
  constructor(status: number, detail: string, retryAfter = retryDelayOf(status)) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}
