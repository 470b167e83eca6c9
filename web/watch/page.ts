/** The page around the player: it names the stream, and writes the player's events out as text. */
import "../player/define.ts";
import type { StreamInfo } from "../../src/signaling/protocol.ts";
import { byId, write } from "../common/dom.ts";
import { streamOf } from "../common/route.ts";
import { tokenOf } from "../common/token.ts";
import { bitrate, frameRate, latency, milliseconds, size } from "../player/figures/format.ts";
import type { ShownTelemetry } from "../player/figures/frame.ts";
import type { PlayerStats } from "../player/figures/player-stats.ts";
import type { PlayerState } from "../player/session/state.ts";
import { toneOf } from "../player/session/tone.ts";
import type { TelemetryView } from "../telemetry/view.ts";
import { showViewers } from "../viewers/overview.ts";
import { StagesView } from "./stages-view.ts";

/** Where the server has gone, or tells this viewer nothing: what it told before may not be so any more. */
const UNTOLD: readonly PlayerState["kind"][] = ["away", "paused", "refused"];

const stream = streamOf(location);
const player = byId("player", HTMLElement) as HTMLElementTagNameMap["rendercast-player"];
let lastStream: StreamInfo | undefined;
const stages = new StagesView(byId("stages", HTMLElement));

show("stream", stream);
player.addEventListener("statechange", ({ detail }) => {
  showState(detail);
  if (detail.kind === "refused" && detail.refusal.code === "token") void letOwnerIn();
});
player.addEventListener("streamchange", ({ detail }) => showStream(detail));
player.addEventListener("stats", ({ detail }) => showStats(detail));
player.addEventListener("telemetry", ({ detail }) => void loadTelemetry(detail), { once: true });
const token = tokenOf(location);
player.token = token;
player.src = `/streams/${encodeURIComponent(stream)}`;
showState(player.state);
showStats(player.stats);

/** Whoever runs the server is on its machine and may make links: the page makes itself one, and opens by it. */
async function letOwnerIn(): Promise<void> {
  if (token !== "") return;
  const made = await (await import("../share/made.ts")).tokenToView(stream, token);
  if (made === "") return;
  location.hash = `token=${made}`;
  location.reload();
}

const withToken = token === "" ? "" : `#token=${token}`;
byId("home", HTMLAnchorElement).href = `/all${withToken}`;
byId("lab", HTMLAnchorElement).href = `/lab/${encodeURIComponent(stream)}${withToken}`;
byId("share", HTMLButtonElement).addEventListener("click", () => {
  // It brings the QR code along, which few need.
  void import("../share/panel.ts").then(({ openShare }) => openShare(stream, token));
});
void showViewers(byId("viewers", HTMLDetailsElement), stream, token);

// Opened at the window's lower edge it would stay out of sight.
const timeDetails = byId("stages", HTMLElement).closest("details");
timeDetails?.addEventListener("toggle", () => {
  if (timeDetails.open) timeDetails.scrollIntoView({ block: "nearest" });
});

// The player's keys, wherever on the page the focus is not in something of its own.
document.addEventListener("keydown", (event) => {
  if (event.target !== document.body || event.ctrlKey || event.metaKey || event.altKey || event.repeat)
    return;
  if (event.key === "f") player.toggleFullscreen();
  if (event.key === "i") player.statistics = !player.statistics;
});

function showState(state: PlayerState): void {
  const { kind, label, sentence, notice } = state;
  document.body.toggleAttribute("data-untold", UNTOLD.includes(kind));
  if (lastStream) showStream(lastStream);
  document.title = `${label} · ${stream} · rendercast`;
  show("label", label);
  byId("pill", HTMLElement).dataset.tone = toneOf(state);
  // Any other sentence stands on the picture.
  const besideThePicture = kind === "fallback" ? [sentence, notice] : [notice];
  show("notice", besideThePicture.filter(Boolean).join(" · "));
}

function showStream(info: StreamInfo): void {
  lastStream = info;
  const { source, viewers, width, height } = info;
  const count = viewers === 1 ? "1 viewer" : `${viewers} viewers`;
  show("source", UNTOLD.includes(player.state.kind) ? source : `${source} · ${count}`);
  if (width > 0 && height > 0) {
    document.documentElement.style.setProperty("--ratio", (width / height).toFixed(4));
  }
}

function showStats(stats: PlayerStats): void {
  const { uncertainty } = stats;
  const details = stats.latency && [
    `95 % under ${milliseconds(stats.latency.p95)}`,
    uncertainty !== undefined && uncertainty >= 1 && `± ${uncertainty.toFixed(0)} ms`,
  ];
  show("latency", latency(stats));
  show("latency-detail", details?.filter(Boolean).join(" · ") ?? "");
  show("frame-rate", frameRate(stats.fps));
  show("frame-rate-detail", stats.still ? "the scene stands still" : "");
  show("bitrate", bitrate(stats.bitrate));
  show("size", size(stats.width, stats.height));
  show("codec", stats.codec ?? "–");
  show(
    "transport",
    stats.transport === "webrtc" ? "by WebRTC" : stats.transport === "mjpeg" ? "by HTTP" : "",
  );
  stages.show(stats);
}

/** Most streams have no telemetry: the panel is fetched with the first that comes. */
async function loadTelemetry(first: ShownTelemetry): Promise<void> {
  let newest = first;
  let view: TelemetryView | undefined;
  player.addEventListener("telemetry", ({ detail }) => {
    newest = detail;
    view?.show(detail);
  });
  // It fails where the server has gone, or come back with another page: then the picture is all there is.
  const loaded = await import("../telemetry/view.ts").catch(() => undefined);
  if (!loaded) return;
  view = new loaded.TelemetryView(byId("telemetry", HTMLElement));
  view.show(newest);
}

function show(id: string, text: string): void {
  write(byId(id, HTMLElement), text);
}
