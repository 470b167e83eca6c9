/**
 * The three lanes: the same stream at the same time, each shown as a page would show it, and timed as far as the
 * browser tells. WebRTC and fetch are the player's own playbacks; the `<img>` is nothing but an `<img>`.
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
import { OpticalReader, opticalSample, type Picture, type ToldFrames } from "./optical.ts";
import type { Method, Recorder } from "./recording.ts";
import type { LaneKey, Sample } from "./sample.ts";
import { isSigned } from "./words.ts";

/** What all lanes share. */
export interface Surroundings {
  readonly source: SourceUrl;
  readonly token: string | undefined;
  readonly timers: Timers;
  readonly clock: () => Offset | undefined;
  /** Whether frames count now. */
  readonly measuring: () => boolean;
  /** Whether the server is there: while it is not, an image asked for in vain is an error in the console. */
  readonly serverIsThere: () => boolean;
  readonly told: ToldFrames;
  /** What is being recorded now. */
  readonly recorder: () => Recorder | undefined;
  /** There is something new to draw. */
  readonly changed: () => void;
}

/** A picture without a code for so long has none. */
const NO_CODE_AFTER = 2000;
/** Before the image is asked for again: at first, and at most. */
const IMAGE_AGAIN = { first: 1000, max: 15_000 };

const idle: Playback = { close() {} };

/** A session that shows nothing by itself: the stream's description, and the server's clock. */
export function openIdleSession({ source, token, timers }: Surroundings, changed: () => void): Session {
  return new Session(source.stream, {
    timers,
    openSignaling: (events) => openSignaling(source, events, token),
    openWebRtc: undefined,
    openMjpeg: () => idle,
    hasToken: token !== undefined,
    changed,
    telemetry: () => {},
  });
}

/** One lane; it is off until it is started. */
export class Lane {
  readonly key: LaneKey;
  /** What its figures are made of. */
  readonly log = new LaneLog();
  /** What the frame code in its picture says; the same as `log` where the browser tells nothing. */
  readonly optical: LaneLog;
  readonly #around: Surroundings;
  readonly #container: HTMLElement;
  readonly #frames: Frames;
  readonly #reader = new OpticalReader();
  #session: Session | undefined;
  #image: HTMLImageElement | undefined;
  #screen: PlayerScreen | undefined;
  #imageLost = false;
  readonly #imageAgain = new Backoff(IMAGE_AGAIN);
  #stopTimer: Cancel | undefined;
  #lookedAt: number | undefined;
  #codeAt: number | undefined;

  /** @param container where its picture is put. */
  constructor(key: LaneKey, container: HTMLElement, around: Surroundings) {
    this.key = key;
    this.#container = container;
    this.#around = around;
    this.optical = key === "img" ? this.log : new LaneLog();
    const { timers, clock, measuring, told } = around;
    this.#frames = new Frames({
      now: () => timers.now(),
      clock,
      measuring,
      told: (times) => told.add(times),
      shown: (at) => {
        for (const log of this.#logs(this.log)) log.shown(at);
      },
      timed: (sample) => this.#timed(sample),
    });
  }

  get on(): boolean {
    return this.#session !== undefined || this.#image !== undefined;
  }

  /** How its frames are timed. */
  get method(): Method {
    return this.key === "img" ? "optical" : "frames";
  }

  get bytesPerSecond(): number | undefined {
    return this.key === "img" ? undefined : this.#frames.bytesPerSecond;
  }

  /** Whether the browser tells which frame it shows. */
  get measurable(): boolean {
    return this.key !== "img" && this.#frames.measurable;
  }

  /** Whether the picture has no code that could be read, though somebody looks. */
  get withoutCode(): boolean {
    const { timers } = this.#around;
    const since = this.#codeAt ?? this.#lookedAt;
    return since !== undefined && timers.now() - since > NO_CODE_AFTER;
  }

  /** Why there is no picture, in a sentence; undefined where nothing is wrong. */
  get trouble(): string | undefined {
    if (this.#needsSignedToken)
      return "An <img> can give a token in its address alone, where only those of share links are taken: open the lab from such a link.";
    if (this.key === "img") return this.#imageLost ? "The image was lost; it is asked for again." : undefined;
    if (this.key === "webrtc" && !hasWebRtc()) return "This browser has no WebRTC.";
    const model = this.#session?.model;
    if (!model || model.picture === "current") return undefined;
    if (model.refusal) return model.refusal.message;
    const fallen = this.key === "webrtc" && model.transport === "mjpeg";
    return fallen ? "WebRTC did not connect; it is tried again." : undefined;
  }

  start(): void {
    if (this.on || this.#needsSignedToken) return;
    this.clear();
    if (this.key === "img") this.#showImage();
    else this.#session = this.#openSession();
  }

  stop(): void {
    this.#stopTimer?.();
    this.#session?.close();
    this.#session = undefined;
    if (this.#image) {
      this.#image.onerror = null;
      // Taken out of the page alone it would go on loading.
      this.#image.src = "data:,";
    }
    this.#image = undefined;
    this.#screen = undefined;
    this.#container.replaceChildren();
    this.clear();
  }

  get #needsSignedToken(): boolean {
    const { token } = this.#around;
    return this.key === "img" && token !== undefined && !isSigned(token);
  }

  /** Forgets what was measured. */
  clear(): void {
    this.log.clear();
    this.optical.clear();
    this.#lookAnew();
  }

  /** Nothing is measured from here until the next picture. */
  rest(): void {
    for (const log of [this.log, this.optical, this.#around.recorder()?.log(this.key)]) log?.rest();
    this.#lookAnew();
  }

  /** Reads the frame code, once for each of the screen's frames; it is `at` now, on the page's clock. */
  async look(at: number): Promise<void> {
    const picture = this.#picture();
    if (!picture) return;
    const { clock, told } = this.#around;
    const code = await this.#reader.look(picture);
    if (this.#picture() !== picture) return;
    this.#lookedAt ??= at;
    if (code === undefined) {
      if (this.#reader.sees) this.#codeAt = at;
      return;
    }
    this.#codeAt = at;
    const logs = this.key === "img" ? this.#logs(this.optical) : [this.optical];
    for (const log of logs) log.shown(at);
    told.seen(code, (times) => {
      const offset = clock();
      if (!offset || this.#picture() !== picture) return;
      const sample = opticalSample(times, at, offset);
      if (this.key === "img") this.#timed(sample);
      else this.optical.add(sample);
    });
  }

  #lookAnew(): void {
    this.#reader.forget();
    this.#lookedAt = undefined;
    this.#codeAt = undefined;
  }

  #picture(): Picture | undefined {
    if (this.#image) return this.#image;
    return this.#container.querySelector("canvas:not([hidden])") ?? this.#screen?.video;
  }

  #timed(sample: Sample): void {
    for (const log of this.#logs(this.log)) log.add(sample);
    this.#around.changed();
  }

  #logs(own: LaneLog): LaneLog[] {
    const recorded = this.#around.recorder()?.log(this.key);
    return recorded ? [own, recorded] : [own];
  }

  #openSession(): Session {
    const { source, token, timers, changed } = this.#around;
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
        if (isWebRtc) return idle;
        const url = timedMjpegUrl(source);
        return openMjpeg({ timers, screen, url, token, expectedFps, events: this.#frames.tap(events) });
      },
      hasToken: token !== undefined,
      changed,
      telemetry: () => {},
    });
  }

  #showImage(): void {
    const { source, token, timers, changed, serverIsThere } = this.#around;
    const url = new URL(timedMjpegUrl(source));
    url.search = token === undefined ? "" : new URLSearchParams({ token }).toString();
    const image = new Image();
    image.alt = "The stream by MJPEG";
    image.onload = () => {
      this.#imageLost = false;
      this.#imageAgain.reset();
      changed();
    };
    image.onerror = () => {
      this.#imageLost = true;
      this.rest();
      changed();
      const again = () => {
        if (!serverIsThere()) {
          this.#stopTimer = timers.after(IMAGE_AGAIN.first, again);
          return;
        }
        image.remove();
        this.#showImage();
      };
      this.#stopTimer = timers.after(this.#imageAgain.next(), again);
    };
    image.src = url.href;
    this.#image = image;
    this.#container.append(image);
  }
}
