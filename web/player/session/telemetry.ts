/** Holds each frame's data back until that very frame is on the screen. */
import type { FrameReport, Telemetry } from "../../../src/signaling/protocol.ts";
import type { FrameTelemetry, Shown, ShownTelemetry } from "../figures/frame.ts";
import { FrameMatcher } from "../figures/frame-matcher.ts";

/**
 * Tells the data of each frame that is shown, in the order of the frames. A still picture that is sent
 * again is no new frame. Where a report is lost there is nothing to tell: what was told last stands.
 */
export class TelemetryTrack {
  readonly #tell: (telemetry: ShownTelemetry) => void;
  readonly #matcher = new FrameMatcher();
  #last: ShownTelemetry | undefined;

  constructor(tell: (telemetry: ShownTelemetry) => void) {
    this.#tell = tell;
  }

  /** The server told of a frame. Where that frame is shown already, its data is told at once. */
  reported(report: FrameReport): void {
    const match = this.#matcher.reported(report);
    // A report so late that a newer frame's data is told already would turn the time back.
    if (match && match.shown.shownAt >= (this.#last?.at ?? 0))
      this.#told(match.report.number, match.report.telemetry, match.shown);
  }

  /** A frame is on the screen. */
  shown(shown: Shown, rtpTimestamp: number): void {
    const match = this.#matcher.shown(rtpTimestamp, shown);
    if (match) this.#told(match.report.number, match.report.telemetry, shown);
  }

  /** A frame is on the screen that brought its data along. */
  came(shown: Shown, { number, data }: FrameTelemetry): void {
    this.#told(number, data, shown);
  }

  /** The server's frames may be others now. */
  forgetServer(): void {
    this.#matcher.clear();
  }

  #told(number: number, data: Telemetry | undefined, { shownAt }: Shown): void {
    if (!data || (this.#last && isSame(this.#last, { number, data }))) return;
    this.#last = { number, at: shownAt, data };
    this.#tell(this.#last);
  }
}

function isSame(a: FrameTelemetry, b: FrameTelemetry): boolean {
  return a.number === b.number && JSON.stringify(a.data) === JSON.stringify(b.data);
}
