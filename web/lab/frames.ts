/** Turns the events of a playback into timed frames. */
import type { FrameReport } from "../../src/shared/protocol.ts";
import type { Offset } from "../player/figures/clock-offset.ts";
import type { FrameTimes, ServerTimes, Shown } from "../player/figures/frame.ts";
import { FrameMatcher } from "../player/figures/frame-matcher.ts";
import { type Counters, RATE_MAX_AGE_MS, RateMeter } from "../player/figures/rates.ts";
import { stagesOf } from "../player/figures/stages.ts";
import type { PlaybackEvents } from "../player/playback/playback.ts";
import type { Sample } from "./sample.ts";

/** Where the frames go. */
export interface FramesPorts {
  /** Milliseconds since the epoch, on the page's clock. */
  readonly now: () => number;
  /** Offset between the clocks; undefined until it is known. */
  readonly clock: () => Offset | undefined;
  /** Whether frames count now: the source is live, and the page is visible. */
  readonly measuring: () => boolean;
  /** A new picture is on the screen; it may be unknown which. */
  readonly shown: (at: number) => void;
  /** The server has reported a frame, whether it is shown or not. */
  readonly reported: (times: ServerTimes) => void;
  /** A frame was timed. */
  readonly timed: (sample: Sample) => void;
}

/** After so many frames without a known time the browser counts as unable to report which frame it shows. */
const MAX_UNTIMED_FRAMES = 60;

/** The frames of one lane, of one playback after the other. */
export class Frames {
  readonly #ports: FramesPorts;
  readonly #matcher = new FrameMatcher();
  readonly #rates = new RateMeter();
  #connectedAt = Number.NEGATIVE_INFINITY;
  #lastNumber: number | undefined;
  #untimed = 0;
  #countedAt = Number.NEGATIVE_INFINITY;

  constructor(ports: FramesPorts) {
    this.#ports = ports;
  }

  /** False if this browser does not report which frame it shows. */
  get measurable(): boolean {
    return this.#untimed < MAX_UNTIMED_FRAMES;
  }

  /** Received bytes per second; undefined while nothing is counted. */
  get bytesPerSecond(): number | undefined {
    const isCounted = this.#ports.now() - this.#countedAt < RATE_MAX_AGE_MS;
    const bits = isCounted ? this.#rates.rates?.bitrate : undefined;
    return bits === undefined ? undefined : bits / 8;
  }

  /** Events to hand to a playback: they come here and go on to `events`. */
  tap(events: PlaybackEvents): PlaybackEvents {
    this.#matcher.clear();
    this.#rates.clear();
    this.#connectedAt = Number.POSITIVE_INFINITY;
    this.#lastNumber = undefined;
    this.#untimed = 0;
    return {
      ...events,
      connected: () => {
        this.#connectedAt = Math.min(this.#connectedAt, this.#ports.now());
        events.connected();
      },
      reported: (report) => {
        this.#reported(report);
        events.reported(report);
      },
      shown: (...shown) => {
        this.#shown(shown[0], shown[1]);
        events.shown(...shown);
      },
      counted: (counters: Counters, format) => {
        this.#rates.add(counters);
        this.#countedAt = counters.at;
        events.counted(counters, format);
      },
    };
  }

  #reported(report: FrameReport): void {
    this.#ports.reported(report);
    const match = this.#matcher.reported(report);
    if (match) this.#time(match.report, match.shown);
  }

  #shown(shown: Shown, frame: FrameTimes | undefined): void {
    if (frame && !("rtpTimestamp" in frame)) this.#ports.reported(frame);
    const times =
      frame && "rtpTimestamp" in frame ? this.#matcher.shown(frame.rtpTimestamp, shown)?.report : frame;
    if (!this.#ports.measuring()) return;
    this.#untimed = times ? 0 : this.#untimed + 1;
    // A repeat of the last picture.
    if (times?.number !== undefined && times.number === this.#lastNumber) return;
    this.#ports.shown(shown.shownAt);
    if (times) this.#time(times, shown);
  }

  #time(times: ServerTimes, shown: Shown): void {
    this.#untimed = 0;
    const { number, captured } = times;
    const clock = this.#ports.clock();
    if (number === undefined || number === this.#lastNumber) return;
    this.#lastNumber = number;
    // A picture from before this lane connected is not late.
    if (!clock || !this.#ports.measuring() || captured < this.#connectedAt + clock.offset) return;
    const stages = stagesOf(times, shown, clock.offset, this.#rates.rates ?? {});
    const latency = stages.reduce((sum, { time }) => sum + time, 0);
    this.#ports.timed({ number, shownAt: shown.shownAt, captured, latency, stages });
  }
}
