/** Holds the telemetry of each frame back until that frame is on the screen. */
import type { FrameReport, Telemetry } from "../../../src/shared/protocol.ts";
import type { FrameTelemetry, Shown, ShownTelemetry } from "../figures/frame.ts";
import { FrameMatcher } from "../figures/frame-matcher.ts";

/**
 * Delivers the telemetry of each frame that is shown, in the order of the frames. A still picture that is sent again is
 * no new frame. A lost report delivers nothing.
 */
export class TelemetryTrack {
  readonly #deliver: (telemetry: ShownTelemetry) => void;
  readonly #matcher = new FrameMatcher();
  #last: ShownTelemetry | undefined;

  constructor(deliver: (telemetry: ShownTelemetry) => void) {
    this.#deliver = deliver;
  }

  /** Takes a report. If its frame is shown already, the telemetry is delivered at once. */
  reported(report: FrameReport): void {
    const match = this.#matcher.reported(report);
    // A report that arrives after a newer frame's telemetry would turn time back.
    if (match && match.shown.shownAt >= (this.#last?.at ?? 0))
      this.#advance(match.report.number, match.report.telemetry, match.shown);
  }

  /** Takes a frame on the screen. */
  shown(shown: Shown, rtpTimestamp: number): void {
    const match = this.#matcher.shown(rtpTimestamp, shown);
    if (match) this.#advance(match.report.number, match.report.telemetry, shown);
  }

  /** Takes a frame on the screen that carried its telemetry. */
  shownWithData(shown: Shown, { number, data }: FrameTelemetry): void {
    this.#advance(number, data, shown);
  }

  /** The server may be another one, with other frames. */
  forgetServer(): void {
    this.#matcher.clear();
  }

  #advance(number: number, data: Telemetry | undefined, { shownAt }: Shown): void {
    if (!data || (this.#last && isSame(this.#last, { number, data }))) return;
    this.#last = { number, at: shownAt, data };
    this.#deliver(this.#last);
  }
}

function isSame(a: FrameTelemetry, b: FrameTelemetry): boolean {
  return a.number === b.number && JSON.stringify(a.data) === JSON.stringify(b.data);
}
