/** A recording: the timed frames of some seconds, as CSV, as JSON, and as a line for a report. */
import { STAGES } from "../player/figures/stages.ts";
import { FIGURES_WINDOW, type Figures, LaneLog } from "./figures.ts";
import { LANE_NAMES, LANES, type LaneKey, type Sample } from "./sample.ts";

/** How a lane's frames were timed: told by the browser, or read off the picture. */
export type Method = "frames" | "optical";

/** What the recording is of. */
export interface Setting {
  readonly stream: string;
  readonly width: number;
  readonly height: number;
  /** Frames a second of the source. */
  readonly fps: number;
  /** The browser and its system, in a few words. */
  readonly browser: string;
  /** Milliseconds to add to the page's clock to get the server's, and how far off that may be. */
  readonly clock: { readonly offset: number; readonly uncertainty: number } | undefined;
}

/** One lane of a recording. */
export interface RecordedLane {
  readonly lane: LaneKey;
  /** Undefined where none of its frames could be timed. */
  readonly method: Method | undefined;
  readonly figures: Figures;
  readonly freezes: readonly { readonly from: number; readonly to: number }[];
  readonly samples: readonly Sample[];
}

/** Times are milliseconds since the epoch, on the page's clock. */
export interface Recording {
  readonly setting: Setting;
  readonly from: number;
  readonly to: number;
  readonly lanes: readonly RecordedLane[];
}

/** The longest recording that is offered, and a little more. */
const KEEP = 60_000 + FIGURES_WINDOW;

/** Collects the lanes' frames from its construction until it is stopped. */
export class Recorder {
  readonly #from: number;
  readonly #logs: ReadonlyMap<LaneKey, LaneLog>;

  /**
   * @param lanes those that are on.
   * @param freezeAfter how long a picture may stand, in milliseconds.
   */
  constructor(from: number, lanes: readonly LaneKey[], freezeAfter: number) {
    this.#from = from;
    this.#logs = new Map(lanes.map((lane) => [lane, new LaneLog(KEEP, freezeAfter)]));
  }

  /** The same that the lane's own log is told. */
  log(lane: LaneKey): LaneLog | undefined {
    return this.#logs.get(lane);
  }

  /** @param method how a lane was timed. */
  stop(at: number, setting: Setting, method: (lane: LaneKey) => Method): Recording {
    const lanes = LANES.flatMap((lane) => {
      const log = this.#logs.get(lane);
      if (!log) return [];
      const { samples } = log;
      const figures = log.figures(this.#from, at);
      const freezes = log.freezes(at);
      return [{ lane, method: samples.length > 0 ? method(lane) : undefined, figures, freezes, samples }];
    });
    return { setting, from: this.#from, to: at, lanes };
  }
}

const COLUMNS = [...STAGES, "rest"] as const;

/** A row for each frame (RFC 4180): times in milliseconds, `shown_ms` from the recording's start. */
export function toCsv({ from, lanes }: Recording): string {
  const head = ["lane", "method", "frame", "captured_epoch_ms", "shown_ms", "latency_ms"];
  const rows = lanes.flatMap(({ lane, method, samples }) =>
    samples.map(({ number, captured, shownAt, latency, stages }) => [
      lane,
      method ?? "",
      number,
      captured.toFixed(3),
      (shownAt - from).toFixed(3),
      latency.toFixed(3),
      ...COLUMNS.map((key) => stages.find((stage) => stage.key === key)?.time.toFixed(3) ?? ""),
    ]),
  );
  const lines = [[...head, ...COLUMNS.map((key) => `${key}_ms`)], ...rows];
  return `${lines.map((cells) => cells.join(",")).join("\r\n")}\r\n`;
}

/** Everything, for programs: figures of each lane, its freezes, and its frames. */
export function toJson({ setting, from, to, lanes }: Recording): string {
  return `${JSON.stringify({ ...setting, from, to, lanes }, null, 1)}\n`;
}

/** The recording in one line of text. */
export function summaryLine({ setting, from, to, lanes }: Recording): string {
  const { stream, width, height, fps, browser, clock } = setting;
  const seconds = ((to - from) / 1000).toFixed(0);
  const when = new Date(from).toISOString().slice(0, 16).replace("T", " ");
  const about = `${stream} ${width}x${height} at ${fps.toFixed(0)} fps, ${seconds} s, ${browser}, ${when} UTC`;
  const off = clock ? `; clocks within ${clock.uncertainty.toFixed(1)} ms` : "";
  return `Latency of ${about}: ${lanes.map(laneSummary).join("; ")}${off}.`;
}

/** One lane of it, as in {@link summaryLine}. */
export function laneSummary({ lane, method, figures }: RecordedLane): string {
  const { median, p95, timed, missed, freezes } = figures;
  if (median === undefined || p95 === undefined) return `${LANE_NAMES[lane]} not timed`;
  const how = method === "optical" ? " (read optically)" : "";
  const held = `${freezes} ${freezes === 1 ? "freeze" : "freezes"}`;
  return `${LANE_NAMES[lane]}${how} median ${median.toFixed(1)} ms, 95 % under ${p95.toFixed(1)} ms, ${missed} of ${timed + missed} frames missed, ${held}`;
}
