/** From what a playback tells to timed frames. */
import type { FrameReport } from "../../src/signaling/protocol.ts";
import type { Offset } from "../player/figures/clock-offset.ts";
import type { FrameTimes, ServerTimes, Shown } from "../player/figures/frame.ts";
import { FrameMatcher } from "../player/figures/frame-matcher.ts";
import { type Counters, RATE_MAX_AGE_MS, RateMeter } from "../player/figures/rates.ts";
import { stagesOf } from "../player/figures/stages.ts";
import type { PlaybackEvents } from "../player/playback/playback.ts";
import type { Sample } from "./sample.ts";

/** What becomes of the frames. */
export interface FramesPorts {
  /** Milliseconds since the epoch, on the page's clock. */
  readonly now: () => number;
  /** Between the clocks, as far as it is known. */
  readonly clock: () => Offset | undefined;
  /** Whether frames count now: the source is live, and the page is seen. */
  readonly measuring: () => boolean;
  /** A new picture is on the screen, though perhaps it is not known which. */
  readonly shown: (at: number) => void;
  /** The server told of a frame, whether it is shown or not. */
  readonly told: (times: ServerTimes) => void;
  /** A frame was timed. */
  readonly timed: (sample: Sample) => void;
}

/** Pictures that may be shown without being recognised before that is called impossible. */
const UNKNOWN_FRAMES = 60;

/** The frames of one playback after another in one lane. */
export class Frames {
  readonly #ports: FramesPorts;
  readonly #matcher = new FrameMatcher();
  readonly #rates = new RateMeter();
  #connectedAt = Number.NEGATIVE_INFINITY;
  #lastNumber: number | undefined;
  #unknown = 0;
  #countedAt = Number.NEGATIVE_INFINITY;

  constructor(ports: FramesPorts) {
    this.#ports = ports;
  }

  /** False where pictures are shown but this browser does not tell which. */
  get measurable(): boolean {
    return this.#unknown < UNKNOWN_FRAMES;
  }

  /** Bytes a second that come in; undefined where nothing is counted yet, or any more. */
  get bytesPerSecond(): number | undefined {
    const isCounted = this.#ports.now() - this.#countedAt < RATE_MAX_AGE_MS;
    const bits = isCounted ? this.#rates.rates?.bitrate : undefined;
    return bits === undefined ? undefined : bits / 8;
  }

  /** The events, and a copy of them to here. */
  tap(events: PlaybackEvents): PlaybackEvents {
    this.#matcher.clear();
    this.#rates.clear();
    this.#connectedAt = Number.POSITIVE_INFINITY;
    this.#lastNumber = undefined;
    this.#unknown = 0;
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
    this.#ports.told(report);
    const match = this.#matcher.reported(report);
    if (match) this.#time(match.report, match.shown);
  }

  #shown(shown: Shown, frame: FrameTimes | undefined): void {
    if (frame && !("rtpTimestamp" in frame)) this.#ports.told(frame);
    const times =
      frame && "rtpTimestamp" in frame ? this.#matcher.shown(frame.rtpTimestamp, shown)?.report : frame;
    if (!this.#ports.measuring()) return;
    this.#unknown = times ? 0 : this.#unknown + 1;
    // The last picture, sent again.
    if (times?.number !== undefined && times.number === this.#lastNumber) return;
    this.#ports.shown(shown.shownAt);
    if (times) this.#time(times, shown);
  }

  #time(times: ServerTimes, shown: Shown): void {
    this.#unknown = 0;
    const { number, captured } = times;
    const clock = this.#ports.clock();
    if (number === undefined || number === this.#lastNumber) return;
    this.#lastNumber = number;
    // What stood there before this lane connected is not late.
    if (!clock || !this.#ports.measuring() || captured < this.#connectedAt + clock.offset) return;
    const stages = stagesOf(times, shown, clock.offset, this.#rates.rates ?? {});
    const latency = stages.reduce((sum, { time }) => sum + time, 0);
    this.#ports.timed({ number, shownAt: shown.shownAt, captured, latency, stages });
  }
}
