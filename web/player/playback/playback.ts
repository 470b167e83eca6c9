/** One attempt to get the pictures by one transport. The session replaces a playback that is lost. */
import type { FrameReport, RefusalCode } from "../../../src/shared/protocol.ts";
import type { FrameTelemetry, FrameTimes, Shown } from "../figures/frame.ts";
import type { Format } from "../figures/player-stats.ts";
import type { Counters } from "../figures/rates.ts";

/** How often a playback reports its counters. */
export const COUNT_INTERVAL_MS = 500;

/** Why the server refused the viewer; `message` is for the user. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly message: string;
}

/** An open playback. */
export interface Playback {
  /** Ends the playback, without further events. Its last picture stays on the screen. */
  close(): void;
  /** Plays after {@link PlaybackEvents.blocked}: call it in the handler of a click, a tap or a key. */
  resume?(): void;
  /** Why there is no picture so far, for the user: a clause without a full stop; undefined if it is not known. */
  trouble?(): Promise<string | undefined>;
}

/** The events of a playback. */
export interface PlaybackEvents {
  /** The server is reached; there may be no picture yet. */
  connected(): void;
  /** The browser refuses to play without the user: see {@link Playback.resume}. */
  blocked(): void;
  /** The first picture is on the screen, or the first one after `silent`. */
  picture(): void;
  /** Pictures are due and none arrives; the playback may recover. */
  silent(): void;
  /** The server's report of a frame, before or after the frame is shown. */
  reported(report: FrameReport): void;
  /**
   * A picture is on the screen. `frame` says how to find its times; undefined if the browser does not report it.
   * `telemetry` is data that the picture itself carried, without a report.
   */
  shown(shown: Shown, frame: FrameTimes | undefined, telemetry?: FrameTelemetry): void;
  /** Every {@link COUNT_INTERVAL_MS}. */
  counted(counters: Counters, format: Format): void;
  /** The server refused. The playback has closed itself. */
  refused(refusal: Refusal): void;
  /** The playback failed and has closed itself; `why` as {@link Playback.trouble}. */
  lost(why?: string): void;
}
