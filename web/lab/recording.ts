/** A recording: the timed frames of a few seconds, as CSV, as JSON and as a one-line summary. */
import { STAGES } from "../player/figures/stages.ts";
import { FIGURES_PERIOD_MS, type Figures, LaneLog } from "./figures.ts";
import { LANE_NAMES, LANES, type LaneKey, type Sample } from "./sample.ts";

/** How the frames of a lane were timed: reported by the browser, or read from the picture. */
export type Method = "frames" | "optical";

/** The conditions of the recording. */
export interface Setting {
  readonly stream: string;
  readonly width: number;
  readonly height: number;
  /** Frames per second of the source. */
  readonly fps: number;
  /** The browser and its system, in a few words. */
  readonly browser: string;
  /** Milliseconds to add to the page's clock to get the server's, and the error bound. */
  readonly clock: { readonly offset: number; readonly uncertainty: number } | undefined;
}

/** One lane of a recording. */
export interface RecordedLane {
  readonly lane: LaneKey;
  /** Undefined if no frame could be timed. */
  readonly method: Method | undefined;
  readonly figures: Figures;
  readonly freezes: readonly { readonly from: number; readonly to: number }[];
  readonly samples: readonly Sample[];
}

/** A finished recording. Times are milliseconds since the epoch on the page's clock. */
export interface Recording {
  readonly setting: Setting;
  readonly from: number;
  readonly to: number;
  readonly lanes: readonly RecordedLane[];
}

/** The longest recording that the page offers, with a margin. */
const MAX_LENGTH_MS = 60_000 + FIGURES_PERIOD_MS;

/** Collects the frames of the lanes from its construction until it is stopped. */
export class Recorder {
  readonly #from: number;
  readonly #logs: ReadonlyMap<LaneKey, LaneLog>;

  /**
   * @param from start of the recording.
   * @param lanes the lanes that are on.
   * @param minFreeze shortest freeze, in milliseconds.
   */
  constructor(from: number, lanes: readonly LaneKey[], minFreeze: number) {
    this.#from = from;
    this.#logs = new Map(lanes.map((lane) => [lane, new LaneLog(MAX_LENGTH_MS, minFreeze)]));
  }

  /** The log of a lane, to be filled like the lane's own; undefined if the lane was off at the start. */
  log(lane: LaneKey): LaneLog | undefined {
    return this.#logs.get(lane);
  }

  /**
   * Ends the recording.
   * @param method how a lane was timed.
   */
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

const STAGE_COLUMNS = [...STAGES, "rest"] as const;

/** One row per frame (RFC 4180). Times are milliseconds; `shown_ms` counts from the start of the recording. */
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
      ...STAGE_COLUMNS.map((key) => stages.find((stage) => stage.key === key)?.time.toFixed(3) ?? ""),
    ]),
  );
  const lines = [[...head, ...STAGE_COLUMNS.map((key) => `${key}_ms`)], ...rows];
  return `${lines.map((cells) => cells.join(",")).join("\r\n")}\r\n`;
}

/** The whole recording: its conditions, and the figures, freezes and frames of each lane. */
export function toJson({ setting, from, to, lanes }: Recording): string {
  return `${JSON.stringify({ ...setting, from, to, lanes }, null, 1)}\n`;
}

/** The summary of a recording in one line. */
export function summaryLine({ setting, from, to, lanes }: Recording): string {
  const { stream, width, height, fps, browser, clock } = setting;
  const seconds = ((to - from) / 1000).toFixed(0);
  const when = new Date(from).toISOString().slice(0, 16).replace("T", " ");
  const about = `${stream} ${width}x${height} at ${fps.toFixed(0)} fps, ${seconds} s, ${browser}, ${when} UTC`;
  const off = clock ? `; clocks within ${clock.uncertainty.toFixed(1)} ms` : "";
  return `Latency of ${about}: ${lanes.map(laneSummary).join("; ")}${off}.`;
}

/** The part of {@link summaryLine} about one lane. */
export function laneSummary({ lane, method, figures }: RecordedLane): string {
  const { median, p95, timed, missed, freezes } = figures;
  if (median === undefined || p95 === undefined) return `${LANE_NAMES[lane]} not timed`;
  const how = method === "optical" ? " (read optically)" : "";
  const freezeCount = `${freezes} ${freezes === 1 ? "freeze" : "freezes"}`;
  return `${LANE_NAMES[lane]}${how} median ${median.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms, ${missed} of ${timed + missed} frames missed, ${freezeCount}`;
}
