/**
 * A lane: the stream by one transport, shown as a page would show it, and timed as far as the browser reports times.
 * WebRTC and fetch are the player's own playbacks; the `<img>` is a plain `<img>`.
 */

import type { Offset } from "../player/figures/clock-offset.ts";
import { openMjpeg } from "../player/playback/mjpeg.ts";
import type { Playback } from "../player/playback/playback.ts";
import { PlayerScreen } from "../player/playback/screen.ts";
import type { Cancel, Timers } from "../player/playback/timers.ts";
import { Backoff } from "../player/session/backoff.ts";
import { Session } from "../player/session/session.ts";
import { openSignaling } from "../player/session/signaling.ts";
import { type SourceUrl, timedMjpegUrl } from "../player/session/source-url.ts";
import { hasWebRtc, openWebRtc } from "../player/webrtc/webrtc.ts";
import { LaneLog } from "./figures.ts";
import { Frames } from "./frames.ts";
import { OpticalReader, opticalSample, type Picture, type ReportedFrames } from "./optical.ts";
import type { Method, Recorder } from "./recording.ts";
import type { LaneKey, Sample } from "./sample.ts";
import { isSigned } from "./words.ts";

/** What all lanes share. */
export interface LaneContext {
  readonly source: SourceUrl;
  readonly token: string | undefined;
  readonly timers: Timers;
  /** Offset between the clocks; undefined until it is known. */
  readonly clock: () => Offset | undefined;
  /** Whether frames count now. */
  readonly measuring: () => boolean;
  /** Whether the server is there. A request for an image that fails is an error in the browser's console. */
  readonly serverIsThere: () => boolean;
  /** Frames that the server has reported, in any lane. */
  readonly reported: ReportedFrames;
  /** The running recording; undefined if there is none. */
  readonly recorder: () => Recorder | undefined;
  /** Called when there is something new to draw. */
  readonly changed: () => void;
}

/** A picture that has shown no frame code for longer has none. */
const CODE_TIMEOUT_MS = 2000;
/** Delays in milliseconds before a lost image is requested again. */
const IMAGE_BACKOFF = { first: 1000, max: 15_000 };

/** A playback that does nothing. */
const IDLE: Playback = { close() {} };

/** A session without pictures: it follows the stream's description and the server's clock. */
export function openIdleSession({ source, token, timers }: LaneContext, changed: () => void): Session {
  return new Session(source.stream, {
    timers,
    openSignaling: (events) => openSignaling(source, events, token),
    openWebRtc: undefined,
    openMjpeg: () => IDLE,
    hasToken: token !== undefined,
    changed,
    telemetry: () => {},
  });
}

/** One lane; it is off until {@link Lane.start}. */
export class Lane {
  readonly key: LaneKey;
  /** The frames of its figures. */
  readonly log = new LaneLog();
  /** The frames of the optical reading; the same as `log` for the `<img>`, which has no other times. */
  readonly optical: LaneLog;
  readonly #context: LaneContext;
  readonly #container: HTMLElement;
  readonly #frames: Frames;
  readonly #reader = new OpticalReader();
  #session: Session | undefined;
  #image: HTMLImageElement | undefined;
  #screen: PlayerScreen | undefined;
  #imageLost = false;
  readonly #imageBackoff = new Backoff(IMAGE_BACKOFF);
  #stopTimer: Cancel | undefined;
  #readAt: number | undefined;
  #codeAt: number | undefined;

  /** @param container receives the picture. */
  constructor(key: LaneKey, container: HTMLElement, context: LaneContext) {
    this.key = key;
    this.#container = container;
    container.addEventListener("click", () => this.#session?.resume());
    this.#context = context;
    this.optical = key === "img" ? this.log : new LaneLog();
    const { timers, clock, measuring, reported } = context;
    this.#frames = new Frames({
      now: () => timers.now(),
      clock,
      measuring,
      reported: (times) => reported.add(times),
      shown: (at) => {
        for (const log of this.#logs(this.log)) log.shown(at);
      },
      timed: (sample) => this.#timed(sample),
    });
  }

  /** Whether the lane is started. */
  get on(): boolean {
    return this.#session !== undefined || this.#image !== undefined;
  }

  /** How the frames are timed. */
  get method(): Method {
    return this.key === "img" ? "optical" : "frames";
  }

  /** Undefined while nothing is counted, and for the `<img>`. */
  get bytesPerSecond(): number | undefined {
    return this.key === "img" ? undefined : this.#frames.bytesPerSecond;
  }

  /** Whether the browser reports which frame it shows. */
  get measurable(): boolean {
    return this.key !== "img" && this.#frames.measurable;
  }

  /** Whether the optical reading is on and finds no frame code. */
  get withoutCode(): boolean {
    const { timers } = this.#context;
    const since = this.#codeAt ?? this.#readAt;
    return since !== undefined && timers.now() - since > CODE_TIMEOUT_MS;
  }

  /** Why there is no picture, in a sentence; undefined if nothing is wrong. */
  get trouble(): string | undefined {
    if (this.#needsSignedToken)
      return "An <img> can send a token only in its address, and the server accepts only signed tokens there. Open the lab from a share link.";
    if (this.key === "img") return this.#imageLost ? "The image was lost. Retrying." : undefined;
    if (this.key === "webrtc" && !hasWebRtc()) return "This browser has no WebRTC.";
    const model = this.#session?.model;
    if (!model || model.picture === "current") return undefined;
    if (model.refusal) return model.refusal.message;
    if (model.blocked) return "This browser starts the video only after a click or tap: press here.";
    const fallen = this.key === "webrtc" && model.transport === "mjpeg";
    return fallen ? "WebRTC did not connect. Retrying." : undefined;
  }

  /** Starts to show the stream. Does nothing if it is on. */
  start(): void {
    if (this.on || this.#needsSignedToken) return;
    this.clear();
    if (this.key === "img") this.#showImage();
    else this.#session = this.#openSession();
  }

  /** Stops, and removes the picture. */
  stop(): void {
    this.#stopTimer?.();
    this.#session?.close();
    this.#session = undefined;
    if (this.#image) {
      this.#image.onerror = null;
      // An <img> that is only removed from the page keeps loading.
      this.#image.src = "data:,";
    }
    this.#image = undefined;
    this.#screen = undefined;
    this.#container.replaceChildren();
    this.clear();
  }

  get #needsSignedToken(): boolean {
    const { token } = this.#context;
    return this.key === "img" && token !== undefined && !isSigned(token);
  }

  /** Forgets all measurements. */
  clear(): void {
    this.log.clear();
    this.optical.clear();
    this.#resetReader();
  }

  /** Nothing is measured until the next picture. */
  pause(): void {
    for (const log of [this.log, this.optical, this.#context.recorder()?.log(this.key)]) log?.pause();
    this.#resetReader();
  }

  /** Reads the frame code. Call it once per frame of the screen; `at` is the current time on the page's clock. */
  async readCode(at: number): Promise<void> {
    const picture = this.#picture();
    if (!picture) return;
    const { clock, reported } = this.#context;
    const code = await this.#reader.read(picture);
    if (this.#picture() !== picture) return;
    this.#readAt ??= at;
    if (code === undefined) {
      if (this.#reader.hasCode) this.#codeAt = at;
      return;
    }
    this.#codeAt = at;
    const logs = this.key === "img" ? this.#logs(this.optical) : [this.optical];
    for (const log of logs) log.shown(at);
    reported.seen(code, (times) => {
      const offset = clock();
      if (!offset || this.#picture() !== picture) return;
      const sample = opticalSample(times, at, offset);
      if (this.key === "img") this.#timed(sample);
      else this.optical.add(sample);
    });
  }

  #resetReader(): void {
    this.#reader.reset();
    this.#readAt = undefined;
    this.#codeAt = undefined;
  }

  #picture(): Picture | undefined {
    if (this.#image) return this.#image;
    return this.#container.querySelector("canvas:not([hidden])") ?? this.#screen?.video;
  }

  #timed(sample: Sample): void {
    for (const log of this.#logs(this.log)) log.add(sample);
    this.#context.changed();
  }

  #logs(own: LaneLog): LaneLog[] {
    const recorded = this.#context.recorder()?.log(this.key);
    return recorded ? [own, recorded] : [own];
  }

  #openSession(): Session {
    const { source, token, timers, changed } = this.#context;
    const screen = new PlayerScreen(this.#container);
    this.#screen = screen;
    const isWebRtc = this.key === "webrtc";
    return new Session(source.stream, {
      timers,
      openSignaling: (events) => openSignaling(source, events, token),
      openWebRtc:
        isWebRtc && hasWebRtc()
          ? (events, offers, expectedFps, hearsServer) => {
              const tapped = this.#frames.tap(events);
              return openWebRtc({ timers, screen, offers, expectedFps, hearsServer, events: tapped });
            }
          : undefined,
      openMjpeg: (events, expectedFps) => {
        if (isWebRtc) return IDLE;
        const url = timedMjpegUrl(source);
        return openMjpeg({ timers, screen, url, token, expectedFps, events: this.#frames.tap(events) });
      },
      hasToken: token !== undefined,
      changed,
      telemetry: () => {},
    });
  }

  #showImage(): void {
    const { source, token, timers, changed, serverIsThere } = this.#context;
    const url = new URL(timedMjpegUrl(source));
    url.search = token === undefined ? "" : new URLSearchParams({ token }).toString();
    const image = new Image();
    image.alt = "The stream by MJPEG";
    image.onload = () => {
      this.#imageLost = false;
      this.#imageBackoff.reset();
      changed();
    };
    image.onerror = () => {
      this.#imageLost = true;
      this.pause();
      changed();
      const again = () => {
        if (!serverIsThere()) {
          this.#stopTimer = timers.after(IMAGE_BACKOFF.first, again);
          return;
        }
        image.remove();
        this.#showImage();
      };
      this.#stopTimer = timers.after(this.#imageBackoff.next(), again);
    };
    image.src = url.href;
    this.#image = image;
    this.#container.append(image);
  }
}
