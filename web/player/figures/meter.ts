/** Gathers the events of the playbacks into the figures that are shown. */
import type { FrameReport } from "../../../src/shared/protocol.ts";
import { ClockOffset } from "./clock-offset.ts";
import type { FrameTimes, ServerTimes, Shown } from "./frame.ts";
import { FrameMatcher } from "./frame-matcher.ts";
import { Freezes } from "./freezes.ts";
import type { Format, PlayerStats, Transport } from "./player-stats.ts";
import { type Counters, RATE_MAX_AGE_MS, RateMeter } from "./rates.ts";
import { RollingWindow } from "./rolling-window.ts";
import { StageMedians, stagesOf } from "./stages.ts";

/** After so many frames without a known time the browser counts as unable to report which frame it shows. */
const MAX_UNTIMED_FRAMES = 120;
const MEDIAN_PERIOD_MS = 2000;
const P95_PERIOD_MS = 10_000;

/** The figures of one player. Times are the page's clock unless said otherwise. */
export class Meter {
  readonly clock = new ClockOffset();
  /** Whether the server says that the scene stands still. */
  still = false;
  readonly #matcher = new FrameMatcher();
  readonly #rates = new RateMeter();
  readonly #freezes = new Freezes();
  readonly #medians = new RollingWindow(MEDIAN_PERIOD_MS);
  readonly #percentiles = new RollingWindow(P95_PERIOD_MS);
  readonly #stages = new StageMedians();
  #transport: Transport | undefined;
  #format: Format | undefined;
  #countedAt = Number.NEGATIVE_INFINITY;
  #level: number | undefined;
  #untimed = 0;
  /** When the current transport began: older pictures say nothing about its latency. */
  #since = Number.NEGATIVE_INFINITY;
  #frames = 0;
  #lastNumber: number | undefined;
  #repeats = 0;

  /** Another transport or connection began at `since`: the measurements start over. */
  begin(transport: Transport, since: number): void {
    this.#transport = transport;
    this.#since = since;
    this.#format = undefined;
    this.#level = undefined;
    this.#untimed = 0;
    this.#lastNumber = undefined;
    this.#repeats = 0;
    this.#frames = 0;
    this.#rates.clear();
    this.#freezes.clear();
    this.#medians.clear();
    this.#percentiles.clear();
    this.#stages.clear();
  }

  /** {@link PlayerStats.level} of the newest reported frame. */
  get level(): number | undefined {
    return this.#level;
  }

  /** The server may be another one, with another clock and other frames. */
  forgetServer(): void {
    this.clock.reset();
    this.#matcher.clear();
  }

  /** Takes the server's report of a frame. */
  reported(report: FrameReport): void {
    if (report.level !== undefined) this.#level = report.level;
    const match = this.#matcher.reported(report);
    if (match) this.#measure(match.report, match.shown);
  }

  /** Takes a frame on the screen; `frame` is undefined if the browser does not report which. */
  shown(shown: Shown, frame: FrameTimes | undefined): void {
    this.#untimed++;
    if (!frame) return;
    if (!("rtpTimestamp" in frame)) {
      this.#measure(frame, shown);
      return;
    }
    const match = this.#matcher.shown(frame.rtpTimestamp, shown);
    if (match) this.#measure(match.report, match.shown);
  }

  /**
   * Takes the counters of the playback.
   * @param live false while the source is idle: then only its last picture arrives, again and again.
   */
  counted(counters: Counters, format: Format, live: boolean): void {
    if (!live) this.#rates.pause();
    if (!live) this.#repeats += Math.max(0, counters.frames - this.#frames);
    this.#frames = counters.frames;
    this.#rates.add({ ...counters, repeats: this.#repeats });
    const { link } = format;
    if (link?.freezes !== undefined) this.#freezes.counted(link.freezes, counters.at, !live || this.still);
    this.#format =
      link?.freezes === undefined ? format : { ...format, link: { ...link, freezes: this.#freezes.count } };
    this.#countedAt = counters.at;
  }

  /** The figures now, on the page's clock. */
  stats(now: number): PlayerStats {
    const isCounted = now - this.#countedAt < RATE_MAX_AGE_MS;
    const rates = isCounted ? this.#rates.rates : undefined;
    const median = this.#medians.median(now);
    const p95 = this.#percentiles.quantile(now, 0.95);
    const newest = this.#medians.last(now);
    const format = isCounted ? this.#format : undefined;
    // Nothing has been counted for a while: a picture that only stands there has no figures.
    const isOver = this.#format !== undefined && !isCounted;
    return {
      transport: isOver ? undefined : this.#transport,
      codec: format?.codec || undefined,
      width: format?.width || undefined,
      height: format?.height || undefined,
      fps: rates?.fps,
      still: isCounted && this.still && this.#transport === "webrtc",
      bitrate: rates?.bitrate,
      latency:
        median === undefined || p95 === undefined || newest === undefined
          ? undefined
          : { median, p95, now: newest },
      measurable: this.#untimed < MAX_UNTIMED_FRAMES,
      uncertainty: isOver ? undefined : this.clock.best?.uncertainty,
      stages: this.#stages.medians(now),
      level: !isOver && this.#transport === "webrtc" ? this.#level : undefined,
      loss: rates?.loss,
      jitterBuffer: rates?.buffer,
      decodeTime: rates?.decode,
      link: format?.link,
    };
  }

  #measure(times: ServerTimes, shown: Shown): void {
    const clock = this.clock.best;
    // The age of a still picture that is sent again is no latency. Nor is that of the picture that was there before
    // this viewer joined.
    const repeated = times.number !== undefined && times.number === this.#lastNumber;
    this.#lastNumber = times.number;
    if (!clock) return;
    this.#untimed = 0;
    // Whatever its number, a frame of a still scene repeats the last picture.
    if (this.still && this.#transport === "webrtc") return;
    if (repeated || times.captured < this.#since + clock.offset) {
      this.#repeats++;
      return;
    }
    const stages = stagesOf(times, shown, clock.offset, this.#rates.rates ?? {});
    // The sum of the stages, not the difference of the ends: the stages that one clock has measured do not depend on the
    // offset.
    const latency = stages.reduce((sum, { time }) => sum + time, 0);
    this.#medians.add(shown.shownAt, latency);
    this.#percentiles.add(shown.shownAt, latency);
    this.#stages.add(shown.shownAt, stages);
  }
}
