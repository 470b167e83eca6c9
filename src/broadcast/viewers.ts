/** The viewers of one stream by WebRTC, from their offer to their end: seats, records, log lines and keyframe requests. */
import type { Clock } from "../base/clock.ts";
import type { RenditionId } from "../media/frame.ts";
import type { ViewerSession } from "../signaling/watching.ts";
import type { Audience, Viewer, ViewerEvents } from "../transport/audience/viewer.ts";
import { KeyframeBudget } from "./keyframe-budget.ts";
import type { Metrics } from "./metrics.ts";
import type { Seats } from "./seats.ts";
import { renditionsOf, type ViewerLog, type ViewerRecord, type ViewerRecords } from "./viewer-records.ts";

/** What {@link Viewers} needs of its stream. */
export interface ViewersOptions {
  /** The stream's name. */
  readonly stream: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly audience: Audience;
  readonly seats: Seats;
  readonly records: ViewerRecords;
  readonly viewerLog: ViewerLog;
  /** A viewer joined or left, or needs another rendition. */
  readonly changed: () => void;
  /** Makes the next frame of the rendition a keyframe. */
  readonly requestKeyframe: (rendition: RenditionId) => void;
}

/** The WebRTC viewers of one stream. */
export class Viewers {
  readonly #options: ViewersOptions;
  /** Admitted viewers, connected or not. */
  readonly #admitted = new Set<Viewer>();
  /** Those of them that are connected. */
  readonly #watching = new Set<ViewerRecord>();
  #closed = false;

  constructor(options: ViewersOptions) {
    this.#options = options;
  }

  /** How many viewers are admitted, connected or not. */
  get size(): number {
    return this.#admitted.size;
  }

  /** How many viewers are connected. */
  get connected(): number {
    return this.#watching.size;
  }

  /** All renditions that viewers need, some of them more than once. */
  renditions(): RenditionId[] {
    return [...this.#watching].flatMap(renditionsOf);
  }

  /**
   * Admits a viewer by its SDP offer.
   * @param address of the viewer, as {@link Seats.take} takes it.
   * @param gone takes the reason when the viewer ends.
   * @throws {FullError} if no seat is free; {OfferError} if the offer cannot be answered.
   */
  async admit(offer: string, address: string, gone: (reason: string) => void): Promise<ViewerSession> {
    const { audience, seats, stream, changed } = this.#options;
    const freeSeat = seats.take(stream, address);
    const record = this.#options.records.add("webrtc", address);
    let viewer: Viewer | undefined;
    let isClosed = false;
    const events = this.#eventsOf(record, {
      codec: () => viewer?.codec,
      closed: (reason) => {
        isClosed = true;
        freeSeat();
        if (viewer && this.#admitted.delete(viewer)) changed();
        gone(reason);
      },
    });
    try {
      const answered = await audience.admit(offer, events);
      viewer = answered.viewer;
      if (this.#closed) viewer.close("the server stops");
      if (!isClosed) this.#admitted.add(viewer);
      return {
        id: record.id,
        answer: answered.answer,
        restart: (offer) => answered.viewer.restart(offer),
        keyframe: () => events.keyframeNeeded(),
        latency: (milliseconds) => {
          record.latency = milliseconds;
        },
        leave: () => answered.viewer.close("left"),
      };
    } catch (error) {
      freeSeat();
      record.end();
      throw error;
    } finally {
      changed();
    }
  }

  /** Ends all viewers; those that are being admitted end when they are. */
  close(): void {
    this.#closed = true;
    for (const viewer of [...this.#admitted]) viewer.close("the server stops");
  }

  /** @param hooks `codec` is undefined until the offer is answered. */
  #eventsOf(
    record: ViewerRecord,
    hooks: { readonly codec: () => Viewer["codec"] | undefined; readonly closed: (reason: string) => void },
  ): ViewerEvents {
    const { clock, metrics, viewerLog, changed, requestKeyframe } = this.#options;
    const refresh = () => {
      for (const rendition of renditionsOf(record)) requestKeyframe(rendition);
    };
    const keyframes = new KeyframeBudget(clock, refresh);
    return {
      connected: () => {
        record.codec = hooks.codec();
        if (record.codec === undefined) return;
        record.joined();
        this.#watching.add(record);
        viewerLog(record, `watches by WebRTC over ${record.protocol.toUpperCase()}`);
        refresh();
        changed();
      },
      keyframeNeeded: () => {
        metrics.keyframeRequest();
        keyframes.request();
      },
      wants: (level) => {
        if (!record.isWatching || record.codec === undefined) return;
        record.nextLevel = level;
        changed();
        requestKeyframe({ codec: record.codec, level });
      },
      moved: (level) => {
        record.level = level;
        changed();
      },
      received: (reception) => {
        record.reception = reception;
        metrics.reception(reception);
      },
      reached: (protocol) => {
        record.protocol = protocol;
      },
      closed: (reason) => {
        keyframes.close();
        viewerLog(record, `left: ${reason}`, reason);
        record.end();
        this.#watching.delete(record);
        metrics.viewerGone(reason);
        hooks.closed(reason);
      },
    };
  }
}
