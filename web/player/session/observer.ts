/** Turns the events of the playbacks into figures, telemetry and the model. */
import type { FrameReport } from "../../../src/shared/protocol.ts";
import type { Meter } from "../figures/meter.ts";
import type { LinkPath, Transport } from "../figures/player-stats.ts";
import { reductionOf } from "../figures/rendition.ts";
import type { Playback, PlaybackEvents } from "../playback/playback.ts";
import type { Timers } from "../playback/timers.ts";
import { STALL_TIMEOUT_MS } from "../playback/watchdog.ts";
import type { ModelStore } from "./model-store.ts";
import type { Model } from "./state.ts";
import type { TelemetryTrack } from "./telemetry.ts";

/** A reduced rendition is shown to the user only if it lasts: many reductions end within moments. */
const SLOW_NETWORK_DELAY_MS = 3000;

/** One playback, from its start until it is lost or replaced. Times are the page's clock. */
export interface Attempt {
  readonly transport: Transport;
  playback: Playback | undefined;
  /** When the server was reached: earlier pictures were only repeated until then. */
  connectedAt: number | undefined;
  pictureAt: number | undefined;
  /** Received bytes at the last count. */
  bytes: number | undefined;
}

/** A new {@link Attempt}; its playback is set once it is opened. */
export function newAttempt(transport: Transport): Attempt {
  return {
    transport,
    playback: undefined,
    connectedAt: undefined,
    pictureAt: undefined,
    bytes: undefined,
  };
}

/** Where the events go. */
export interface ObserverPorts {
  readonly timers: Timers;
  readonly store: ModelStore;
  readonly meter: Meter;
  readonly telemetry: TelemetryTrack;
}

/** The part of the events that all playbacks have in common. */
export class PlaybackObserver {
  readonly #ports: ObserverPorts;
  #reducedSince: number | undefined;

  constructor(ports: ObserverPorts) {
    this.#ports = ports;
  }

  /** The first picture of the attempt is on the screen, or the first after a stall: the figures start over. */
  picture(attempt: Attempt): void {
    attempt.pictureAt = this.#ports.timers.now();
    this.#ports.meter.begin(attempt.transport, attempt.connectedAt ?? attempt.pictureAt);
  }

  /** The events to hand to the attempt's playback. Only the playback on the screen counts for the figures. */
  eventsOf(
    attempt: Attempt,
  ): Pick<PlaybackEvents, "connected" | "silent" | "reported" | "shown" | "counted"> {
    const { timers, store, meter, telemetry } = this.#ports;
    const isOnScreen = () => attempt.pictureAt !== undefined && store.model.transport === attempt.transport;
    return {
      connected: () => {
        attempt.connectedAt ??= timers.now();
      },
      silent: () => {
        if (isOnScreen()) store.update({ picture: "old", stalled: this.#stalled() });
      },
      reported: (report: FrameReport) => {
        meter.reported(report);
        telemetry.reported(report);
      },
      shown: (shown, frame, data) => {
        if (!isOnScreen()) return;
        // An idle source's last picture is sent again: its age is no latency.
        if (store.isSourceLive) meter.shown(shown, frame);
        if (data) telemetry.shownWithData(shown, data);
        else if (frame && "rtpTimestamp" in frame) telemetry.shown(shown, frame.rtpTimestamp);
      },
      counted: (counters, format) => {
        if (!isOnScreen()) return;
        // The server is gone and nothing arrives, though the connection has not noticed yet: no figures.
        if (store.model.server === "away" && counters.bytes === attempt.bytes) return;
        attempt.bytes = counters.bytes;
        meter.counted(counters, format, store.isSourceLive && !store.model.stalled);
        this.#noteNetwork(format.link?.path);
      },
    };
  }

  #noteNetwork(path: LinkPath | undefined): void {
    const { store } = this.#ports;
    const byTcp = path?.protocol === "tcp" && path.candidate !== "relay" ? path.server : undefined;
    if (byTcp !== store.model.byTcp) store.update({ byTcp });
    const slow = this.#slow();
    if (slow !== store.model.slow) store.update({ slow });
    const { stalled } = store.model;
    if (stalled && stalled.serverHeard !== store.hearsServer) store.update({ stalled: this.#stalled() });
  }

  #stalled(): Model["stalled"] {
    const { timers, store, meter } = this.#ports;
    const now = timers.now() + (meter.clock.best?.offset ?? 0);
    const since = store.model.stalled?.since ?? now - STALL_TIMEOUT_MS;
    return { since, serverHeard: store.hearsServer };
  }

  #slow(): Model["slow"] {
    const { timers, store, meter } = this.#ports;
    const now = timers.now();
    const reduction = reductionOf(meter.level ?? 0, store.info);
    this.#reducedSince = reduction && (this.#reducedSince ?? now);
    const lasts = this.#reducedSince !== undefined && now - this.#reducedSince >= SLOW_NETWORK_DELAY_MS;
    return lasts ? reduction : undefined;
  }
}
