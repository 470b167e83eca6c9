/** One way to get the pictures, tried once. The session puts a new one in the place of one that is lost. */
import type { FrameReport, RefusalCode } from "../../../src/signaling/protocol.ts";
import type { FrameTelemetry, FrameTimes, Shown } from "../figures/frame.ts";
import type { Format } from "../figures/player-stats.ts";
import type { Counters } from "../figures/rates.ts";

/** Why the server refused, for the user. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly message: string;
}

/** A playback that was begun. */
export interface Playback {
  /** Ends it; none of its events comes after. Its last picture stays on the screen. */
  close(): void;
  /** Why no picture has come so far, for the user: a clause without a full stop. */
  trouble?(): Promise<string | undefined>;
}

/** What a playback tells. */
export interface PlaybackEvents {
  /** The server is reached this way, though no picture may have come yet. */
  connected(): void;
  /** The first picture is on the screen, or the first again after a silence. */
  picture(): void;
  /** Nothing comes any more, though something should; it may come again. */
  silent(): void;
  /** The server told of a frame, before or after it is shown. */
  reported(report: FrameReport): void;
  /**
   * A picture is on the screen. `frame` is how to learn its times: by RTP timestamp, or told with it.
   * `telemetry` is the data that came with it, where no report will bring it.
   */
  shown(shown: Shown, frame: FrameTimes | undefined, telemetry?: FrameTelemetry): void;
  /** Once or twice a second. */
  counted(counters: Counters, format: Format): void;
  /** The server said no. The playback has closed itself. */
  refused(refusal: Refusal): void;
  /** It came to an end; `why` as {@link Playback.trouble}. The playback has closed itself. */
  lost(why?: string): void;
}
