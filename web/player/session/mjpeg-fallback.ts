/** MJPEG: open for as long as the session has fallen back, and opened again whenever it breaks. */
import type { RefusalCode } from "../../../src/shared/protocol.ts";
import type { Playback, PlaybackEvents } from "../playback/playback.ts";
import type { Cancel, Timers } from "../playback/timers.ts";
import { Backoff } from "./backoff.ts";
import type { ModelStore } from "./model-store.ts";
import { type Attempt, newAttempt, type PlaybackObserver } from "./observer.ts";

/** MJPEG would be refused too, and each refused request is an error in the browser's console. */
const REFUSED_BY_ALL_TRANSPORTS: readonly RefusalCode[] = ["no-such-stream", "full", "token"];

/** What the fallback needs. */
export interface FallbackPorts {
  readonly timers: Timers;
  readonly store: ModelStore;
  readonly observer: PlaybackObserver;
  readonly openMjpeg: (events: PlaybackEvents, expectedFps: () => number | undefined) => Playback;
  /** 0 to 1. */
  readonly random: () => number;
}

/** At most one MJPEG playback at a time. */
export class MjpegFallback {
  readonly #ports: FallbackPorts;
  readonly #backoff: Backoff;
  #attempt: Attempt | undefined;
  #stopTimer: Cancel | undefined;

  constructor(ports: FallbackPorts) {
    this.#ports = ports;
    this.#backoff = new Backoff({ first: 500, max: 15_000, random: ports.random });
  }

  /** False if the server's refusal covers MJPEG too. */
  get isAllowed(): boolean {
    const { refusal } = this.#ports.store.model;
    return refusal === undefined || !REFUSED_BY_ALL_TRANSPORTS.includes(refusal.code);
  }

  /** Does nothing if it is open. */
  open(): void {
    if (this.#attempt) return;
    this.#stopTimer?.();
    const { store, observer, openMjpeg } = this.#ports;
    const attempt = newAttempt("mjpeg");
    this.#attempt = attempt;
    const lost = () => this.#lost(attempt);
    attempt.playback = openMjpeg(
      {
        ...observer.eventsOf(attempt),
        picture: () => {
          this.#backoff.reset();
          observer.picture(attempt);
          store.update({ picture: "current", stalled: undefined });
        },
        // A canvas needs no permission to play.
        blocked() {},
        refused: lost,
        lost,
      },
      () => store.expectedFps,
    );
  }

  close(): void {
    this.#stopTimer?.();
    this.#attempt?.playback?.close();
    this.#attempt = undefined;
  }

  /** The server is away: it is not asked again until {@link MjpegFallback.open}. */
  suspend(): void {
    this.#stopTimer?.();
  }

  /** The server is back: the next loss is answered without delay. */
  resetBackoff(): void {
    this.#backoff.reset();
  }

  #lost(attempt: Attempt): void {
    const { store, timers } = this.#ports;
    this.#attempt = undefined;
    if (attempt.pictureAt !== undefined) store.update({ picture: "old" });
    if (!store.isServerThere || !this.isAllowed) return;
    this.#stopTimer = timers.after(this.#backoff.next(), () => this.open());
  }
}
