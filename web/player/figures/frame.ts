/** Plain types: what is known of one frame on its way from the renderer to the screen. */
import type { Telemetry } from "../../../src/shared/protocol.ts";

/** When a frame passed each part of the server, in milliseconds on the server's clock. MJPEG has fewer of these. */
export interface ServerTimes {
  /** The source's frame number: one seen before is a still picture sent again. */
  readonly number?: number | undefined;
  readonly captured: number;
  readonly received: number;
  readonly decoded?: number | undefined;
  readonly encoded?: number | undefined;
  readonly sent: number;
}

/** How to find a frame's {@link ServerTimes}: by the RTP timestamp of its report, or directly. */
export type FrameTimes = { readonly rtpTimestamp: number } | ServerTimes;

/** A frame on the screen. Times are milliseconds since the epoch on the page's clock. */
export interface Shown {
  /**
   * Time of the refresh from which scripts can read the pixels. Not `expectedDisplayTime`: each browser estimates it in
   * its own way, and for video alone, so WebRTC and MJPEG would not be comparable.
   */
  readonly shownAt: number;
  /** When the last packet (or byte) arrived; undefined if the browser does not report it. */
  readonly receivedAt?: number | undefined;
  /** How long the browser took to decode the frame, in milliseconds; undefined if the browser does not report it. */
  readonly decodeTime?: number | undefined;
}

/** The telemetry of one frame. */
export interface FrameTelemetry {
  /** The source's frame number. */
  readonly number: number;
  readonly data: Telemetry;
}

/** The telemetry of a frame that is on the screen. */
export interface ShownTelemetry extends FrameTelemetry {
  /** When the frame came onto the screen, in milliseconds since the epoch on the page's clock. */
  readonly at: number;
}
