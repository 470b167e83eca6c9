/** Everything that consumes one stream, and what that needs of the source and the stages: nothing more is done. */
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { StreamUsage } from "../encoder/image/stream-usage.ts";
import type { RenditionId } from "../media/frame.ts";
import type { Audience } from "../transport/audience/viewer.ts";
import { Feeds } from "./feed.ts";
import type { Metrics } from "./metrics.ts";
import { MjpegViewers } from "./mjpeg-viewers.ts";
import type { Picture } from "./picture.ts";
import type { Seats } from "./seats.ts";
import { Snapshots } from "./snapshots.ts";
import { TelemetryFeed } from "./telemetry-feed.ts";
import { ViewerRecords, viewerLog } from "./viewer-records.ts";
import { Viewers } from "./viewers.ts";

/** What {@link Consumers} needs of its stream. */
export interface ConsumersOptions {
  /** The stream's name. */
  readonly stream: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly audience: Audience;
  readonly seats: Seats;
  readonly use: StreamUsage;
  readonly log: Log;
  /** The last picture that could be decoded; undefined before the first. */
  readonly last: () => Picture | undefined;
  /** {@link Consumers.demand} may have changed. */
  readonly changed: () => void;
  /** Makes the next frame of the rendition a keyframe. */
  readonly requestKeyframe: (rendition: RenditionId) => void;
}

/** What the consumers need now. */
export interface Demand {
  /** The renditions to encode, some of them more than once. */
  readonly renditions: readonly RenditionId[];
  /** Whether pictures must be decoded. */
  readonly pictures: boolean;
  /** Whether the source must deliver frames: telemetry needs them, but not their pictures. */
  readonly frames: boolean;
}

/** The consumers of one stream. */
export class Consumers {
  readonly records: ViewerRecords;
  /** By WebRTC. */
  readonly viewers: Viewers;
  readonly mjpeg: MjpegViewers;
  /** To other servers. */
  readonly feeds: Feeds;
  readonly snapshots: Snapshots;
  readonly telemetry: TelemetryFeed;

  constructor(options: ConsumersOptions) {
    const { stream, clock, log } = options;
    const shared = {
      ...options,
      records: new ViewerRecords(clock),
      viewerLog: viewerLog(stream, clock, log),
    };
    this.records = shared.records;
    this.viewers = new Viewers(shared);
    this.mjpeg = new MjpegViewers(shared);
    this.feeds = new Feeds(options);
    this.snapshots = new Snapshots(options);
    this.telemetry = new TelemetryFeed(options.changed);
  }

  /** How many viewers pictures reach, by WebRTC or MJPEG. */
  get watching(): number {
    return this.viewers.connected + this.mjpeg.size;
  }

  /** How many watch, are about to, or follow the telemetry. */
  get following(): number {
    return this.viewers.size + this.mjpeg.size + this.telemetry.followers;
  }

  /** What they need now. */
  demand(): Demand {
    const { viewers, mjpeg, feeds, snapshots, telemetry } = this;
    const pictures = viewers.size + mjpeg.size + feeds.size + snapshots.waiting > 0;
    return {
      renditions: [...viewers.renditions(), ...feeds.renditions()],
      pictures,
      frames: pictures || telemetry.followers > 0,
    };
  }

  /** Ends all viewers. */
  close(): void {
    this.viewers.close();
    this.mjpeg.close();
  }
}
