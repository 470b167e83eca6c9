/**
 * `<rendercast-player src="/streams/main">`: shows a stream and keeps showing it.
 *
 * Attributes: `src`, and `statistics` to lay the figures over the picture. Read-only: `state`, `stats`,
 * `stream` and `telemetry`, each with its event. Keys while it has the focus: `f` full screen, `s` statistics.
 * `define.ts` registers it.
 */
import type { StreamInfo } from "../../src/signaling/protocol.ts";
import { bitrate, frameRate, latency, size, toneOf } from "./format.ts";
import { Meter, type PlayerStats } from "./meter.ts";
import { openMjpeg } from "./mjpeg.ts";
import css from "./player.css?inline";
import { PlayerScreen } from "./screen.ts";
import { Session } from "./session.ts";
import { openSignaling } from "./signaling.ts";
import { parseSource, timedMjpegUrl } from "./source-url.ts";
import { describe, initialModel, type PlayerState, timeOfDay } from "./state.ts";
import type { FrameTelemetry, ShownTelemetry } from "./telemetry.ts";
import { type Cancel, pageTimers } from "./timers.ts";
import { hasWebRtc, openWebRtc } from "./webrtc.ts";

/** The element's own events. */
export interface PlayerEventMap extends HTMLElementEventMap {
  /** {@link RendercastPlayer.state} is another one. */
  statechange: CustomEvent<PlayerState>;
  /** {@link RendercastPlayer.stats} were measured anew; a few times a second. */
  stats: CustomEvent<PlayerStats>;
  /** {@link RendercastPlayer.stream} is described anew; about once a second. */
  streamchange: CustomEvent<StreamInfo>;
  /** A frame that has data is on the screen now: {@link RendercastPlayer.telemetry}. Never before it is. */
  telemetry: CustomEvent<ShownTelemetry>;
}

export interface RendercastPlayer {
  addEventListener<K extends keyof PlayerEventMap>(
    type: K,
    listener: (event: PlayerEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

const STATS_EVERY = 400;
/** How long the tools stay after the pointer has come to rest. */
const TOOLS_FOR = 2500;

/** The player element. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: how TypeScript types an element's own events
export class RendercastPlayer extends HTMLElement {
  static readonly observedAttributes = ["src", "statistics"];

  readonly #internals = this.attachInternals();
  readonly #screen: PlayerScreen;
  readonly #dot = document.createElement("span");
  readonly #sentence = document.createElement("span");
  readonly #statistics = document.createElement("dl");
  readonly #statisticsButton: HTMLButtonElement;
  #sheet: CSSStyleSheet | undefined;
  #session: Session | undefined;
  #info: StreamInfo | undefined;
  #telemetry: FrameTelemetry | undefined;
  #stopStats: Cancel | undefined;
  #stopActive: Cancel | undefined;
  #state = describe(initialModel, 0, String);
  #stats = new Meter().stats(0);

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const pictures = division("pictures");
    this.#screen = new PlayerScreen(pictures);

    const state = division("state");
    state.role = "status";
    state.ariaLive = "polite";
    this.#dot.className = "dot";
    state.append(this.#dot, this.#sentence);

    this.#statistics.className = "statistics";
    const tools = division("tools");
    this.#statisticsButton = button("Statistics (s)", "M4 19V11 M10 19V5 M16 19v-6 M21 19H3");
    this.#statisticsButton.addEventListener("click", () => this.toggleAttribute("statistics"));
    const fullscreen = button("Full screen (f)", "M4 9V4h5 M20 9V4h-5 M4 15v5h5 M20 15v5h-5");
    fullscreen.hidden = !document.fullscreenEnabled;
    fullscreen.addEventListener("click", () => this.toggleFullscreen());
    tools.append(this.#statisticsButton, fullscreen);

    root.append(pictures, state, this.#statistics, tools);
    pictures.addEventListener("dblclick", () => this.toggleFullscreen());
    for (const type of ["pointermove", "pointerdown"]) this.addEventListener(type, () => this.#wake());
    this.addEventListener("pointerleave", ({ pointerType }) => {
      if (pointerType === "mouse") this.#mark("active", false);
    });
    this.addEventListener("keydown", (event) => this.#key(event));
  }

  /** What is shown and why; also told by `statechange`. */
  get state(): PlayerState {
    return this.#state;
  }

  /** The figures of what is shown; also told by `stats`. */
  get stats(): PlayerStats {
    return this.#stats;
  }

  /** The stream as the server describes it, once it has; also told by `streamchange`. */
  get stream(): StreamInfo | undefined {
    return this.#session?.info;
  }

  /**
   * The data of the frame on the screen, such as joint angles; also told by `telemetry`. Where a frame has
   * none, or it was lost on the way, that of the newest frame before it.
   */
  get telemetry(): FrameTelemetry | undefined {
    return this.#telemetry;
  }

  /** Where the stream is: `/streams/NAME`, on this page's server or another. */
  get src(): string {
    return this.getAttribute("src") ?? "";
  }

  set src(value: string) {
    this.setAttribute("src", value);
  }

  /** Whether the figures lie over the picture. */
  get statistics(): boolean {
    return this.hasAttribute("statistics");
  }

  set statistics(value: boolean) {
    this.toggleAttribute("statistics", value);
  }

  /** Into full screen, or out of it. Does nothing where the browser does not let it. */
  toggleFullscreen(): void {
    const change = document.fullscreenElement === this ? document.exitFullscreen() : this.requestFullscreen();
    change.catch(() => {});
  }

  connectedCallback(): void {
    if (!this.hasAttribute("tabindex")) this.tabIndex = 0;
    if (!this.#sheet) {
      this.#sheet = new CSSStyleSheet();
      this.#sheet.replaceSync(css);
      this.shadowRoot?.adoptedStyleSheets.push(this.#sheet);
    }
    this.#begin();
  }

  disconnectedCallback(): void {
    this.#stopActive?.();
    this.#end();
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (name === "statistics") {
      this.#statisticsButton.ariaPressed = String(after !== null);
      this.#renderStatistics();
    } else if (before !== after && this.isConnected) {
      this.#begin();
    }
  }

  #begin(): void {
    this.#end();
    const source = parseSource(this.src, document.baseURI);
    if (!source) {
      const message = "There is no stream to show: src should be like /streams/main";
      const refusal = { code: "bad-request", message } as const;
      this.#setState(describe({ ...initialModel, refusal }, 0, String));
      return;
    }
    const screen = this.#screen;
    const timers = pageTimers;
    const session = new Session(source.stream, {
      timers,
      openSignaling: (events) => openSignaling(source, events),
      openWebRtc: hasWebRtc()
        ? (events, offers, expectedFps, hearsServer) =>
            openWebRtc({ timers, screen, offers, expectedFps, hearsServer, events })
        : undefined,
      openMjpeg: (events, expectedFps) =>
        openMjpeg({ timers, screen, url: timedMjpegUrl(source), expectedFps, events }),
      changed: () => this.#changed(),
      telemetry: (telemetry) => this.#shown(telemetry),
    });
    this.#session = session;
    this.#changed();
    this.#stopStats = timers.every(STATS_EVERY, () => this.#measured());
  }

  #end(): void {
    this.#stopStats?.();
    this.#session?.close();
    this.#session = undefined;
    this.#telemetry = undefined;
  }

  #changed(): void {
    const session = this.#session;
    if (!session) return;
    const { info } = session;
    if (info && info !== this.#info) {
      this.#info = info;
      if (info.width > 0 && info.height > 0) {
        this.style.setProperty("--ratio", (info.width / info.height).toFixed(4));
      }
      this.dispatchEvent(new CustomEvent("streamchange", { detail: info }));
    }
    // The server's clock for what it told, the user's for what the user reads.
    const offset = session.meter.clock.best?.offset ?? 0;
    const now = pageTimers.now();
    this.#setState(describe(session.model, now + offset, (at) => timeOfDay(at - offset, now)));
  }

  #shown(telemetry: ShownTelemetry): void {
    const { number, data } = telemetry;
    this.#telemetry = { number, data };
    this.dispatchEvent(new CustomEvent("telemetry", { detail: telemetry }));
  }

  #measured(): void {
    const session = this.#session;
    if (!session) return;
    this.#changed();
    this.#stats = session.meter.stats(pageTimers.now());
    this.#renderStatistics();
    this.dispatchEvent(new CustomEvent("stats", { detail: this.#stats }));
  }

  #setState(state: PlayerState): void {
    const before = this.#state;
    this.#state = state;
    if (JSON.stringify(before) === JSON.stringify(state) && this.#sentence.textContent) return;
    const { kind, picture, sentence } = state;
    const tone = toneOf(kind);
    const playing = kind === "live" || kind === "fallback";
    this.#mark("picture", picture !== "none");
    this.#mark("quiet", playing);
    this.#mark("dimmed", !playing);
    this.#dot.dataset.tone = tone;
    this.#dot.toggleAttribute("data-busy", tone === "busy" || kind === "away");
    // Only where it differs: a live region reads out every write.
    if (this.#sentence.textContent !== sentence) this.#sentence.textContent = sentence;
    this.dispatchEvent(new CustomEvent("statechange", { detail: state }));
  }

  /** Shows the tools for a while. */
  #wake(): void {
    this.#mark("active", true);
    this.#stopActive?.();
    this.#stopActive = pageTimers.after(TOOLS_FOR, () => this.#mark("active", false));
  }

  #mark(name: "picture" | "quiet" | "dimmed" | "active", on: boolean): void {
    if (on) this.#internals.states.add(name);
    else this.#internals.states.delete(name);
  }

  #renderStatistics(): void {
    if (!this.statistics) return;
    const stats = this.#stats;
    const rows: [string, string][] = [
      ["Latency", latency(stats)],
      ["Frame rate", frameRate(stats.fps)],
      ["Bitrate", bitrate(stats.bitrate)],
      ["Size", size(stats.width, stats.height)],
      ["Codec", [stats.codec, stats.transport === "webrtc" && "WebRTC"].filter(Boolean).join(" by ") || "–"],
    ];
    this.#statistics.replaceChildren(
      ...rows.flatMap(([term, value]) => [textElement("dt", term), textElement("dd", value)]),
    );
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key === "f") this.toggleFullscreen();
    else if (event.key === "s") this.toggleAttribute("statistics");
    else return;
    event.preventDefault();
  }
}

function division(className: string): HTMLDivElement {
  const element = document.createElement("div");
  element.className = className;
  return element;
}

function textElement(name: "dt" | "dd", text: string): HTMLElement {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

function button(label: string, path: string): HTMLButtonElement {
  const element = document.createElement("button");
  element.type = "button";
  element.ariaLabel = label;
  element.title = label;
  const namespace = "http://www.w3.org/2000/svg";
  const icon = document.createElementNS(namespace, "svg");
  icon.setAttribute("viewBox", "0 0 24 24");
  icon.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(namespace, "path");
  line.setAttribute("d", path);
  icon.append(line);
  element.append(icon);
  return element;
}
