/**
 * The page `/lab/NAME`, the latency lab: one stream by three transports at the same time, measured frame by frame. This
 * file connects the parts: the lanes, their common plot, and the recorder. The figures are of the last ten seconds.
 */

import { byId, write } from "../common/dom.ts";
import { Redraw } from "../common/redraw.ts";
import { tokenOf } from "../common/token.ts";
import { milliseconds } from "../player/figures/format.ts";
import { pageTimers } from "../player/playback/timers.ts";
import { Presence } from "../player/session/presence.ts";
import { parseSource } from "../player/session/source-url.ts";
import { type Tone, toneOfRefusal } from "../player/session/tone.ts";
import { refusalLabel } from "../player/ui/state-text.ts";
import { Chart } from "./chart.ts";
import { FIGURES_PERIOD_MS, minFreeze, PLOT_PERIOD_MS } from "./figures.ts";
import { Lane, type LaneContext, openIdleSession } from "./lane.ts";
import { type LaneDisplay, LaneView } from "./lane-view.ts";
import { ReportedFrames } from "./optical.ts";
import { RecordView } from "./record-view.ts";
import { Recorder } from "./recording.ts";
import { labOf } from "./route.ts";
import { LANES } from "./sample.ts";
import { browserName } from "./words.ts";

/** Figures that change more often cannot be read. */
const SHOW_INTERVAL_MS = 250;

const timers = pageTimers;
const { prefix, stream } = labOf(location);
const token = tokenOf(location) || undefined;
const source = parseSource(`${prefix}/streams/${encodeURIComponent(stream)}`, location.href);
if (!source) throw new TypeError("No stream in the address. Open /lab/NAME.");
const opticalBox = byId("optical", HTMLInputElement);
const plotBox = byId("plot", HTMLElement);
let recorder: Recorder | undefined;
let recordingEnds = 0;

const context: LaneContext = {
  source,
  token,
  timers,
  clock: () => server.meter.clock.best,
  measuring: () => !document.hidden && isMoving(),
  serverIsThere: () => server.model.server === "there",
  reported: new ReportedFrames(),
  recorder: () => recorder,
  changed: () => redraw.request(),
};
const server = openIdleSession(context, showSource);
const lanes = LANES.map((key) => {
  const view = new LaneView(
    key,
    () => {
      switchLanes();
      show();
    },
    () => setOptical(true),
  );
  const lane = new Lane(key, view.picture, context);
  byId("lanes", HTMLElement).append(view.element);
  return { lane, view };
});
const chart = new Chart(plotBox, { width: 600, height: plotBox.clientHeight }, (_, toEnd) =>
  toEnd === 0 ? "now" : `−${Math.round(toEnd / 1000)} s`,
);
const redraw = new Redraw(drawPlot);
const records = new RecordView(
  {
    button: byId("record", HTMLButtonElement),
    seconds: byId("seconds", HTMLSelectElement),
    status: byId("record-status", HTMLElement),
    result: byId("result", HTMLElement),
    summary: byId("summary", HTMLTextAreaElement),
    copy: byId("copy", HTMLButtonElement),
    csv: byId("csv", HTMLAnchorElement),
    json: byId("json", HTMLAnchorElement),
    png: byId("png", HTMLAnchorElement),
  },
  (length) => (recorder ? stopRecording("Stopped early") : startRecording(length)),
);

write(byId("stream", HTMLElement), stream);
document.title = `Latency lab · ${stream} · rendercast`;
byId("back", HTMLAnchorElement).href = `${prefix}/watch/${encodeURIComponent(stream)}${location.hash}`;
byId("clear", HTMLButtonElement).addEventListener("click", () => {
  for (const { lane } of lanes) lane.clear();
});
opticalBox.addEventListener("change", () => setOptical(opticalBox.checked));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart.recolour());
new ResizeObserver(() => chart.resize(plotBox.clientWidth, plotBox.clientHeight)).observe(plotBox);

// Browsers report no frames to a hidden page.
const presence = new Presence(timers, !document.hidden, switchLanes);
document.addEventListener("visibilitychange", () => {
  presence.set(!document.hidden);
  pauseLanes();
  if (document.hidden && recorder) stopRecording("Ended early because the page was hidden");
  showSource();
});
timers.every(SHOW_INTERVAL_MS, show);
readEachFrame();
show();

function isLive(): boolean {
  return server.model.server === "there" && server.info?.state.kind === "live";
}

/** Of a still scene each lane gets another share of the pictures: the lanes cannot be compared. */
function isMoving(): boolean {
  return isLive() && server.info?.still !== true;
}

/** Whether the server lets this page in: it has described the stream. */
function isAdmitted(): boolean {
  return server.info !== undefined && server.model.refusal === undefined;
}

/** Starts the lanes that the user wants, if the page is visible and admitted: else each lane would be refused. */
function switchLanes(): void {
  for (const { lane, view } of lanes) {
    if (view.wanted && presence.seen && isAdmitted()) lane.start();
    else lane.stop();
  }
}

function pauseLanes(): void {
  for (const { lane } of lanes) lane.pause();
}

function setOptical(on: boolean): void {
  opticalBox.checked = on;
  for (const { lane } of lanes) {
    lane.optical.clear();
    lane.pause();
  }
  show();
}

function readEachFrame(): void {
  requestAnimationFrame(() => {
    // Not the time of the refresh: pictures that have arrived since can be read already.
    if (opticalBox.checked && context.measuring())
      for (const { lane } of lanes) void lane.readCode(timers.now());
    readEachFrame();
  });
}

function showSource(): void {
  const { info, model } = server;
  const live = isLive();
  const isDescribed = model.server === "there" && !model.refusal;
  if (!isMoving()) pauseLanes();
  if (!live) context.reported.clear();
  switchLanes();
  for (const { lane } of lanes) lane.log.minFreeze = lane.optical.minFreeze = minFreeze(info?.fps);
  const [label, tone] = pillOf();
  byId("pill", HTMLElement).dataset.tone = tone;
  write(byId("label", HTMLElement), label[0]?.toUpperCase() + label.slice(1));
  if (info && info.width > 0)
    document.documentElement.style.setProperty("--ratio", (info.width / info.height).toFixed(4));
  const about = info && `${info.source} · ${info.width} × ${info.height} · ${info.fps.toFixed(0)} fps`;
  write(byId("source", HTMLElement), (isDescribed && about) || "");
  write(byId("notice", HTMLElement), noticeOf());
}

function pillOf(): [label: string, tone: Tone] {
  const { info, model } = server;
  if (document.hidden) return ["paused", "idle"];
  if (model.server === "away") return ["server away", "warm"];
  if (model.refusal) return [refusalLabel(model.refusal.code), toneOfRefusal(model.refusal.code)];
  if (!info || model.server !== "there") return ["connecting", "busy"];
  if (!isLive()) return [info.state.kind, "warm"];
  return info.still ? ["still", "idle"] : ["measuring", "good"];
}

function noticeOf(): string {
  const { info, model } = server;
  if (document.hidden) return "Measuring is paused while this tab is hidden.";
  if (model.server === "away") return "The server is away. Measuring continues when it is back.";
  if (model.refusal) return model.refusal.message;
  if (!info) return "";
  if (info.still)
    return "The scene stands still, so there is nothing to measure. Measuring continues when it moves.";
  return isLive() ? "" : "Waiting for pictures from the source.";
}

function show(): void {
  if (document.hidden) return;
  const now = timers.now();
  const clock = server.model.server === "there" ? server.meter.clock.best : undefined;
  write(byId("offset", HTMLElement), clock ? `${signed(clock.offset)} ms` : "–");
  write(byId("uncertainty", HTMLElement), clock ? `± ${clock.uncertainty.toFixed(1)} ms` : "");
  const isThere = server.model.server === "there";
  // While the server is away the lanes have no figures: earlier frames are outside the period.
  const from = isThere ? now - FIGURES_PERIOD_MS : now;
  const shown = lanes.map(({ lane, view }) => ({ lane, view, figures: lane.log.figures(from, now) }));
  const totals = shown.map(({ figures }) => figures.stages.reduce((sum, { time }) => sum + time, 0));
  const scale = Math.max(1, ...totals);
  write(byId("bar-scale", HTMLElement), milliseconds(scale));
  for (const { lane, view, figures } of shown) {
    const on = view.wanted;
    const reads = opticalBox.checked && lane.on;
    const optical = reads && lane.key !== "img" ? lane.optical.figures(from, now) : undefined;
    const bytesPerSecond = isThere ? lane.bytesPerSecond : undefined;
    const offersOptical = lane.on && isThere && !lane.measurable && !opticalBox.checked;
    const display = { on, figures, optical, bytesPerSecond, scale, offersOptical };
    view.show({ ...display, note: noteOf(lane, display) });
  }
  if (recorder) {
    if (now >= recordingEnds) stopRecording(undefined);
    else records.progress(recordingEnds - now);
  }
  redraw.request();
}

function noteOf(lane: Lane, { on, figures }: Pick<LaneDisplay, "on" | "figures">): string {
  if (!on) return "Off. It costs the server nothing.";
  // The notice above the lanes explains it.
  if (!isAdmitted() || server.model.server !== "there") return "";
  if (lane.trouble) return lane.trouble;
  if (opticalBox.checked && lane.withoutCode)
    return "No frame code in this picture. The built-in scene has one.";
  if (lane.key !== "img")
    return lane.measurable ? "" : "Not timed: this browser does not report which frame it shows.";
  if (!opticalBox.checked) return "Not timed: browsers do not report which frame an <img> shows.";
  const needsTimes = figures.timed === 0 && !lanes.some((other) => other.lane !== lane && other.lane.on);
  return needsTimes
    ? "Switch another lane on: only its reports say when each frame was rendered."
    : "Timed from the picture.";
}

function drawPlot(): void {
  const now = timers.now();
  const curves = lanes.map(({ lane }) => ({
    lane: lane.key,
    samples: lane.log.samples,
    freezes: lane.log.freezes(now),
  }));
  chart.draw(curves, now - PLOT_PERIOD_MS, now);
}

function startRecording(length: number): void {
  const now = timers.now();
  recorder = new Recorder(
    now,
    lanes.filter(({ lane }) => lane.on).map(({ lane }) => lane.key),
    minFreeze(server.info?.fps),
  );
  recordingEnds = now + length;
  records.progress(length);
}

function stopRecording(early: string | undefined): void {
  const { width = 0, height = 0, fps = 0 } = server.info ?? {};
  const setting = {
    stream,
    width,
    height,
    fps,
    browser: browserName(navigator.userAgent),
    clock: server.meter.clock.best,
  };
  const recording = recorder?.stop(
    Math.min(timers.now(), recordingEnds),
    setting,
    (key) => lanes.find(({ lane }) => lane.key === key)?.lane.method ?? "frames",
  );
  recorder = undefined;
  records.progress(undefined);
  if (recording) void records.show(recording, early);
}

function signed(value: number): string {
  const text = value.toFixed(1);
  return /[1-9]/.test(text) ? text.replace("-", "−") : text.replace("-", "");
}
