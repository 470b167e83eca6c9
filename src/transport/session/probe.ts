/**
 * Probe clusters: packet trains of padding for viewers whose frames are too small to show the capacity. The alternative is
 * a trial step up, and viewers see a failed trial as a freeze.
 */
import type { Clock, Millis } from "../../base/clock.ts";
import { FEEDBACK_INTERVAL } from "../rtp/arrivals.ts";

/** The largest payload that is all padding (RFC 3550, section 5.1). */
export const PADDING: Buffer = Buffer.alloc(255);
PADDING[254] = 255;

/** Transmission time of a cluster at the bitrate to probe for. It exceeds jitter. */
const CLUSTER_DURATION: Millis = 40;

/** Bounds of a cluster: large enough to measure, small enough for the queue of a narrow link. */
const MIN_CLUSTER_BYTES = 2000;
const MAX_CLUSTER_BYTES = 6000;

/** Clusters in a row: as many as a capacity estimate needs, and one that may be lost. */
const CLUSTERS_PER_PROBE = 4;

/** Pause after a probe without a result. */
const PROBE_INTERVAL: Millis = 3000;

/** Schedules the probe clusters of one viewer. */
export class Probe {
  readonly #clock: Clock;
  #sentAt: number = Number.NEGATIVE_INFINITY;
  #clusters = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The number of {@link PADDING} packets to send now.
   * @param bitrate to probe for, in bits per second; undefined for none.
   */
  due(bitrate: number | undefined): number {
    const now = this.#clock.now();
    if (
      bitrate === undefined ||
      now - this.#sentAt < (this.#clusters < CLUSTERS_PER_PROBE ? FEEDBACK_INTERVAL : PROBE_INTERVAL)
    )
      return 0;
    if (now - this.#sentAt >= PROBE_INTERVAL) this.#clusters = 0;
    this.#sentAt = now;
    this.#clusters++;
    const bytes = Math.min(
      MAX_CLUSTER_BYTES,
      Math.max(MIN_CLUSTER_BYTES, (CLUSTER_DURATION * bitrate) / 8000),
    );
    return Math.ceil(bytes / PADDING.length);
  }
}
