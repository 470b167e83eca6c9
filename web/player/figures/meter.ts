/** Gathers what the playbacks tell into the figures that are shown. */
import type { FrameReport } from "../../../src/signaling/protocol.ts";
import { ClockOffset } from "./clock-offset.ts";
import type { FrameTimes, ServerTimes, Shown } from "./frame.ts";
import { FrameMatcher } from "./frame-matcher.ts";
import { Freezes } from "./freezes.ts";
import type { Format, PlayerStats, Transport } from "./player-stats.ts";
import { type Counters, RateMeter, STALE } from "./rates.ts";
import { RollingWindow } from "./rolling-window.ts";
import { StageMedians, stagesOf } from "./stages.ts";

/** Frames that may be shown without being recognised before that is called impossible. */
const UNKNOWN_FRAMES = 120;

/** The figures of one player. */
export class Meter {
  readonly clock = new ClockOffset();
  /** Whether the server says that the scene stands still. */
  still = false;
  readonly #matcher = new FrameMatcher();
  readonly #rates = new RateMeter();
  readonly #freezes = new Freezes();
  readonly #medians = new RollingWindow(2000);
  readonly #percentiles = new RollingWindow(10_000);
  readonly #stages = new StageMedians();
  #transport: Transport | undefined;
  #format: Format | undefined;
  #countedAt = Number.NEGATIVE_INFINITY;
  #level: number | undefined;
  #unknown = 0;
  /** On the page's clock, when its pictures began to come. */
  #since = Number.NEGATIVE_INFINITY;
  #frames = 0;
  #lastNumber: number | undefined;
  #repeats = 0;

  /** The pictures come another way, or anew, since then: what was measured before says nothing about it. */
  begin(transport: Transport, since: number): void {
    this.#transport = transport;
    this.#since = since;
    this.#format = undefined;
    this.#level = undefined;
    this.#unknown = 0;
    this.#lastNumber = undefined;
    this.#repeats = 0;
    this.#frames = 0;
    this.#rates.clear();
    this.#freezes.clear();
    this.#medians.clear();
    this.#percentiles.clear();
    this.#stages.clear();
  }

  /** As {@link PlayerStats.level}, of the newest frame that was told of. */
  get level(): number | undefined {
    return this.#level;
  }

  /** The server's clock and frames may be others now. */
  forgetServer(): void {
    this.clock.reset();
    this.#matcher.clear();
  }

  reported(report: FrameReport): void {
    if (report.level !== undefined) this.#level = report.level;
    const match = this.#matcher.reported(report);
    if (match) this.#measure(match.report, match.shown);
  }

  shown(shown: Shown, frame: FrameTimes | undefined): void {
    this.#unknown++;
    if (!frame) return;
    if (!("rtpTimestamp" in frame)) {
      this.#measure(frame, shown);
      return;
    }
    const match = this.#matcher.shown(frame.rtpTimestamp, shown);
    if (match) this.#measure(match.report, match.shown);
  }

  /** @param live false while the source rests: then all that comes is its last picture, sent again. */
  counted(counters: Counters, format: Format, live: boolean): void {
    if (!live) this.#rates.rest();
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
    const isCounted = now - this.#countedAt < STALE;
    const rates = isCounted ? this.#rates.rates : undefined;
    const median = this.#medians.median(now);
    const p95 = this.#percentiles.quantile(now, 0.95);
    const newest = this.#medians.last(now);
    const format = isCounted ? this.#format : undefined;
    // Nobody counts any more: of a picture that only stands there nothing is claimed.
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
      measurable: this.#unknown < UNKNOWN_FRAMES,
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
    // A still picture sent again is no frame of its own, and its age says nothing. Nor does that of the picture
    // which stood there before this viewer came.
    const repeated = times.number !== undefined && times.number === this.#lastNumber;
    this.#lastNumber = times.number;
    if (!clock) return;
    this.#unknown = 0;
    // Whatever its number, a picture of a still scene is the last one once more.
    if (this.still && this.#transport === "webrtc") return;
    if (repeated || times.captured < this.#since + clock.offset) {
      this.#repeats++;
      return;
    }
    const stages = stagesOf(times, shown, clock.offset, this.#rates.rates ?? {});
    // Their sum, not the difference of the ends: what either side measured on its own clock stands,
    // however far off the offset is.
    const latency = stages.reduce((sum, { time }) => sum + time, 0);
    this.#medians.add(shown.shownAt, latency);
    this.#percentiles.add(shown.shownAt, latency);
    this.#stages.add(shown.shownAt, stages);
  }
}
