/** MJPEG playback: one HTTP request, read part by part and drawn to the canvas. */

import { MultipartParser, type Part } from "../../../src/shared/multipart.ts";
import { MJPEG_BOUNDARY, TIMED_MJPEG_TYPE } from "../../../src/shared/protocol.ts";
import { COUNT_INTERVAL_MS, type Playback, type PlaybackEvents } from "./playback.ts";
import { readTelemetry, readTimes } from "./report.ts";
import type { PlayerScreen } from "./screen.ts";
import { type Cancel, epochOf, type Timers } from "./timers.ts";
import { Silence, STALL_TIMEOUT_MS, Watchdog } from "./watchdog.ts";

/** What the playback needs. */
export interface MjpegOptions {
  readonly timers: Timers;
  readonly screen: PlayerScreen;
  readonly url: string;
  /** View token, if the server requires one. */
  readonly token?: string | undefined;
  /** Frames per second to expect; undefined while none are expected. */
  readonly expectedFps: () => number | undefined;
  readonly events: PlaybackEvents;
}

/** A part, and when its last byte arrived. */
interface Arrival {
  readonly part: Part;
  readonly receivedAt: number;
}

/** Opens a playback; it starts to read at once. */
export function openMjpeg(options: MjpegOptions): Playback {
  return new MjpegPlayback(options);
}

class MjpegPlayback implements Playback {
  readonly #options: MjpegOptions;
  readonly #events: PlaybackEvents;
  readonly #abort = new AbortController();
  readonly #watchdog = new Watchdog();
  readonly #stall = new Silence(STALL_TIMEOUT_MS);
  readonly #stopCounting: Cancel;
  /** The newest part, while an earlier one is decoded or waits for the screen. */
  #newest: Arrival | undefined;
  #drawing = false;
  #shown = false;
  /** Nothing arrives: the picture on the screen is an old one. */
  #isSilent = false;
  #width = 0;
  #height = 0;
  #bytes = 0;
  #frames = 0;

  constructor(options: MjpegOptions) {
    this.#options = options;
    this.#events = options.events;
    this.#stopCounting = options.timers.every(COUNT_INTERVAL_MS, () => this.#count());
    void this.#read();
  }

  close(): void {
    this.#stopCounting();
    this.#abort.abort();
  }

  get #closed(): boolean {
    return this.#abort.signal.aborted;
  }

  async #read(): Promise<void> {
    try {
      const { url, token } = this.#options;
      const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
      const response = await fetch(url, { signal: this.#abort.signal, cache: "no-store", headers });
      const type = response.headers.get("content-type") ?? "";
      if (response.ok && response.body && type.startsWith(TIMED_MJPEG_TYPE)) {
        this.#events.connected();
        const parser = new MultipartParser(MJPEG_BOUNDARY);
        const reader = response.body.getReader();
        for (;;) {
          const { done, value } = await reader.read();
          if (done || this.#closed) break;
          this.#bytes += value.length;
          const parts = [...parser.read(value)];
          this.#frames += parts.length;
          const part = parts.at(-1);
          if (part) this.#take({ part, receivedAt: this.#options.timers.now() });
        }
      }
    } catch {
      // The server is gone, or the stream is broken: in both cases the session opens another playback.
    }
    this.#lose();
  }

  #take(arrival: Arrival): void {
    this.#newest = arrival;
    if (!this.#drawing) void this.#draw();
  }

  /** Decodes and draws the newest part, until there is no newer one. Skipped parts are never decoded. */
  async #draw(): Promise<void> {
    this.#drawing = true;
    for (let next = this.#newest; next && !this.#closed; next = this.#newest) {
      this.#newest = undefined;
      const began = performance.now();
      const blob = new Blob([next.part.body], { type: "image/jpeg" });
      const picture = await createImageBitmap(blob).catch(() => undefined);
      if (!picture) continue;
      const decodeTime = performance.now() - began;
      if (!this.#closed) this.#show(picture);
      picture.close();
      // The next refresh shows it. A second picture before that refresh would never be seen.
      const shownAt = epochOf(await nextAnimationFrame());
      const { part, receivedAt } = next;
      if (!this.#closed)
        this.#events.shown(
          { shownAt, receivedAt, decodeTime },
          readTimes(part.headers),
          readTelemetry(part.headers),
        );
    }
    this.#drawing = false;
  }

  #show(picture: ImageBitmap): void {
    const { width, height } = picture;
    this.#options.screen.draw(picture, width, height);
    this.#width = width;
    this.#height = height;
    if (!this.#shown || this.#isSilent) {
      this.#shown = true;
      this.#isSilent = false;
      this.#events.picture();
    }
  }

  #count(): void {
    const counters = { at: this.#options.timers.now(), bytes: this.#bytes, frames: this.#frames };
    this.#events.counted(counters, { codec: "MJPEG", width: this.#width, height: this.#height });
    const expected = document.hidden ? undefined : this.#options.expectedFps();
    if (this.#shown && this.#stall.begins(counters, expected)) {
      this.#isSilent = true;
      this.#events.silent();
    }
    if (this.#watchdog.isStuck(counters, expected)) this.#lose();
  }

  #lose(): void {
    if (this.#closed) return;
    this.close();
    this.#events.lost();
  }
}

const nextAnimationFrame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
