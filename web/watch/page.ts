/** The page `/watch/NAME`: shows the state, the figures and the telemetry of the player as text. */
import "../player/define.ts";
import type { StreamInfo } from "../../src/shared/protocol.ts";
import { byId, write } from "../common/dom.ts";
import { streamOf } from "../common/route.ts";
import { tokenOf } from "../common/token.ts";
import { bitrate, frameRate, latency, milliseconds, NONE, size } from "../player/figures/format.ts";
import type { ShownTelemetry } from "../player/figures/frame.ts";
import type { PlayerStats } from "../player/figures/player-stats.ts";
import type { PlayerState } from "../player/session/state.ts";
import { toneOf } from "../player/session/tone.ts";
import type { TelemetryView } from "../telemetry/view.ts";
import { showViewers } from "../viewers/overview.ts";
import { StagesView } from "./stages-view.ts";

/** States without news from the server: its last description may be out of date. */
const OUTDATED_STATES: readonly PlayerState["kind"][] = ["away", "paused", "refused"];

const stream = streamOf(location);
const player = byId("player", HTMLElement) as HTMLElementTagNameMap["rendercast-player"];
let lastStream: StreamInfo | undefined;
const stages = new StagesView(byId("stages", HTMLElement));

show("stream", stream);
player.addEventListener("statechange", ({ detail }) => {
  showState(detail);
  if (detail.kind === "refused" && detail.refusal.code === "token") void openAsOperator();
});
player.addEventListener("streamchange", ({ detail }) => showStream(detail));
player.addEventListener("stats", ({ detail }) => showStats(detail));
player.addEventListener("telemetry", ({ detail }) => void loadTelemetry(detail), { once: true });
const token = tokenOf(location);
player.token = token;
player.src = `/streams/${encodeURIComponent(stream)}`;
showState(player.state);
showStats(player.stats);

/** On the server's machine the page may make share links: it makes one for itself and opens with its token. */
async function openAsOperator(): Promise<void> {
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
  // Loaded on demand, since it contains the QR code.
  void import("../share/panel.ts").then(({ openShare }) =>
    openShare(stream, token, lastStream?.control !== undefined),
  );
});
void showViewers(byId("viewers", HTMLDetailsElement), stream, token);

// At the lower edge of the window it would open out of view.
const breakdown = byId("stages", HTMLElement).closest("details");
breakdown?.addEventListener("toggle", () => {
  if (breakdown.open) breakdown.scrollIntoView({ block: "nearest" });
});

// Three keys of the player work on the whole page, unless another element has the focus.
document.addEventListener("keydown", (event) => {
  if (event.target !== document.body || event.ctrlKey || event.metaKey || event.altKey || event.repeat)
    return;
  if (event.key === "f") player.toggleFullscreen();
  if (event.key === "i") player.statistics = !player.statistics;
  if (event.key === "Escape") player.statistics = false;
});

function showState(state: PlayerState): void {
  const { kind, label, sentence, notice } = state;
  document.body.toggleAttribute("data-outdated", OUTDATED_STATES.includes(kind));
  if (lastStream) showStream(lastStream);
  document.title = `${label} · ${stream} · rendercast`;
  show("label", label);
  byId("pill", HTMLElement).dataset.tone = toneOf(state);
  // The player shows all other sentences over the picture.
  const besideThePicture = kind === "fallback" ? [sentence, notice] : [notice];
  show("notice", besideThePicture.filter(Boolean).join(" · "));
}

function showStream(info: StreamInfo): void {
  lastStream = info;
  const { source, viewers, width, height } = info;
  const count = viewers === 1 ? "1 viewer" : `${viewers} viewers`;
  show("source", OUTDATED_STATES.includes(player.state.kind) ? source : `${source} · ${count}`);
  if (width > 0 && height > 0) {
    document.documentElement.style.setProperty("--ratio", (width / height).toFixed(4));
  }
}

function showStats(stats: PlayerStats): void {
  const { uncertainty } = stats;
  const details = stats.latency && [
    `p95 ${milliseconds(stats.latency.p95)}`,
    uncertainty !== undefined && uncertainty >= 1 && `± ${uncertainty.toFixed(0)} ms`,
  ];
  show("latency", latency(stats));
  show("latency-detail", details?.filter(Boolean).join(" · ") ?? "");
  show("frame-rate", frameRate(stats.fps));
  show("frame-rate-detail", stats.still ? "still scene" : "");
  show("bitrate", bitrate(stats.bitrate));
  show("size", size(stats.width, stats.height));
  show("codec", stats.codec ?? NONE);
  show(
    "transport",
    stats.transport === "webrtc" ? "by WebRTC" : stats.transport === "mjpeg" ? "by HTTP" : "",
  );
  stages.show(stats);
}

/** Most streams have no telemetry: the panel is loaded with the first one. */
async function loadTelemetry(first: ShownTelemetry): Promise<void> {
  let newest = first;
  let view: TelemetryView | undefined;
  player.addEventListener("telemetry", ({ detail }) => {
    newest = detail;
    view?.show(detail);
  });
  // It fails if the server is away, or is back with another build: then the picture is shown without telemetry.
  const loaded = await import("../telemetry/view.ts").catch(() => undefined);
  if (!loaded) return;
  view = new loaded.TelemetryView(byId("telemetry", HTMLElement));
  view.show(newest);
}

function show(id: string, text: string): void {
  write(byId(id, HTMLElement), text);
}
