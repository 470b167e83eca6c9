/** Finds the server's report of each frame on the screen. */
import type { FrameReport } from "../../../src/shared/protocol.ts";
import type { Shown } from "./frame.ts";
import { keepNewest } from "./keep-newest.ts";

/** A frame on the screen and its report. */
export interface Match {
  readonly report: FrameReport;
  readonly shown: Shown;
}

/** Matches reports and frames by RTP timestamp, whichever comes first. Both wait in maps of bounded size. */
export class FrameMatcher {
  readonly #capacity: number;
  readonly #reports = new Map<number, FrameReport>();
  readonly #shown = new Map<number, Shown>();

  /** @param capacity unmatched frames that are kept of each kind. */
  constructor(capacity = 256) {
    this.#capacity = capacity;
  }

  /** Takes a report. Returns the match if its frame was shown already. */
  reported(report: FrameReport): Match | undefined {
    const key = report.rtpTimestamp >>> 0;
    const shown = this.#shown.get(key);
    if (!shown) {
      keepNewest(this.#reports, key, report, this.#capacity);
      return undefined;
    }
    this.#shown.delete(key);
    return { report, shown };
  }

  /** Takes a frame on the screen. Returns the match if its report was there already. */
  shown(rtpTimestamp: number, shown: Shown): Match | undefined {
    const key = rtpTimestamp >>> 0;
    const report = this.#reports.get(key);
    if (!report) {
      keepNewest(this.#shown, key, shown, this.#capacity);
      return undefined;
    }
    this.#reports.delete(key);
    return { report, shown };
  }

  /** Forgets both kinds. */
  clear(): void {
    this.#reports.clear();
    this.#shown.clear();
  }
}
