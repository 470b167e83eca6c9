/**
 * `<rendercast-player src="/streams/main">`: shows a stream and keeps showing it. `docs/player.md` describes its
 * attributes, properties, events, parts and custom properties. `define.ts` registers it.
 *
 * A player that is paused, hidden or scrolled away has no {@link Session}: nothing is asked of the server then, and
 * the picture that comes afterwards is that of now.
 */
import type { StreamInfo } from "../../src/signaling/protocol.ts";
import type { FrameTelemetry, ShownTelemetry } from "./figures/frame.ts";
import { Meter } from "./figures/meter.ts";
import type { PlayerStats } from "./figures/player-stats.ts";
import { openMjpeg } from "./playback/mjpeg.ts";
import { PlayerScreen } from "./playback/screen.ts";
import { type Cancel, pageTimers } from "./playback/timers.ts";
import { Presence, watchVisibility } from "./session/presence.ts";
import { Session } from "./session/session.ts";
import { openSignaling } from "./session/signaling.ts";
import { parseSource, timedMjpegUrl } from "./session/source-url.ts";
import { describe, initialModel, type Model, type PlayerState, timeOfDay } from "./session/state.ts";
import { onWake } from "./session/wake.ts";
import { Banner } from "./ui/banner.ts";
import controlsCss from "./ui/controls.css?inline";
import { actionOf, Controls, type PlayerActions } from "./ui/controls.ts";
import { IconButton } from "./ui/icons.ts";
import playerCss from "./ui/player.css?inline";
import statisticsCss from "./ui/statistics.css?inline";
import { StatisticsView } from "./ui/statistics-view.ts";
import { hasWebRtc, openWebRtc } from "./webrtc/webrtc.ts";

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
/** How long the controls stay after the pointer has come to rest. */
const CONTROLS_FOR = 2500;
const NO_STATS = new Meter().stats(0);

/** The player element. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: how TypeScript types an element's own events
export class RendercastPlayer extends HTMLElement {
  static readonly observedAttributes = ["src", "token", "statistics", "background"];

  readonly #internals = this.attachInternals();
  readonly #pictures = document.createElement("div");
  readonly #screen: PlayerScreen;
  readonly #banner = new Banner();
  readonly #statistics = new StatisticsView();
  readonly #controls: Controls;
  readonly #presence = new Presence(pageTimers, !document.hidden, () => this.#apply());
  #sheet: CSSStyleSheet | undefined;
  #session: Session | undefined;
  #paused = false;
  #info: StreamInfo | undefined;
  #telemetry: FrameTelemetry | undefined;
  #stopStats: Cancel | undefined;
  #stopActive: Cancel | undefined;
  #stopWatching: Cancel | undefined;
  #state = describe(initialModel, 0, String);
  #stats = NO_STATS;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    this.#pictures.className = "pictures";
    this.#pictures.part = "picture";
    this.#pictures.role = "img";
    this.#screen = new PlayerScreen(this.#pictures);

    const actions: PlayerActions = {
      togglePause: () => (this.paused ? this.play() : this.pause()),
      toggleStatistics: () => this.toggleAttribute("statistics"),
      saveSnapshot: () => void this.#saveSnapshot(),
      togglePictureInPicture: () => this.togglePictureInPicture(),
      toggleFullscreen: () => this.toggleFullscreen(),
    };
    this.#controls = new Controls(actions, this.#banner.badge);
    const play = new IconButton("play", "Play", () => this.play());
    play.element.className = "play";
    play.element.part = "play";
    root.append(
      this.#pictures,
      this.#banner.element,
      this.#statistics.element,
      play.element,
      this.#controls.element,
    );

    this.#internals.role = "region";
    this.#pictures.addEventListener("dblclick", actions.toggleFullscreen);
    for (const type of ["pointermove", "pointerdown"]) this.addEventListener(type, () => this.#wake());
    this.addEventListener("pointerleave", ({ pointerType }) => {
      if (pointerType === "mouse") this.#mark("active", false);
    });
    this.addEventListener("keydown", (event) => {
      const action = actionOf(event);
      if (!action) return;
      event.preventDefault();
      actions[action]();
    });
    this.addEventListener("fullscreenchange", () => this.#showControls());
    for (const type of ["enterpictureinpicture", "leavepictureinpicture"])
      this.#pictures.addEventListener(type, () => this.#seeAgain(), { capture: true });
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

  /** What lets this viewer in, where the server asks for it. */
  get token(): string {
    return this.getAttribute("token") ?? "";
  }

  set token(value: string) {
    if (value === "") this.removeAttribute("token");
    else this.setAttribute("token", value);
  }

  /** Whether the figures lie over the picture. */
  get statistics(): boolean {
    return this.hasAttribute("statistics");
  }

  set statistics(value: boolean) {
    this.toggleAttribute("statistics", value);
  }

  /** Whether it goes on where nobody can see it. */
  get background(): boolean {
    return this.hasAttribute("background");
  }

  set background(value: boolean) {
    this.toggleAttribute("background", value);
  }

  /** Whether {@link RendercastPlayer.pause} was called last, or the user has paused. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Stops watching: the last picture stays, and the server sends nothing more. */
  pause(): void {
    this.#paused = true;
    this.#apply();
  }

  /** Watches again, from the picture of now on. */
  play(): void {
    this.#paused = false;
    this.#apply();
  }

  /**
   * The picture that is shown, as PNG in the size that it came in.
   * @throws {DOMException} `InvalidStateError` before the first.
   */
  snapshot(): Promise<Blob> {
    return this.#screen.snapshot();
  }

  /** Into full screen, or out of it. Does nothing where the browser does not let it. */
  toggleFullscreen(): void {
    const change = document.fullscreenElement === this ? document.exitFullscreen() : this.requestFullscreen();
    change.catch(() => {});
  }

  /** Into a window of its own, or out of it. Does nothing where the browser does not let it, nor in the fallback. */
  togglePictureInPicture(): void {
    const change = this.#isInPictureInPicture
      ? document.exitPictureInPicture()
      : this.#screen.video?.requestPictureInPicture?.();
    change?.catch(() => {});
  }

  connectedCallback(): void {
    if (!this.hasAttribute("tabindex")) this.tabIndex = 0;
    if (!this.#sheet) {
      this.#sheet = new CSSStyleSheet();
      this.#sheet.replaceSync(playerCss + controlsCss + statisticsCss);
      this.shadowRoot?.adoptedStyleSheets.push(this.#sheet);
    }
    const stopLooking = watchVisibility(this, (visible) => {
      if (visible && !this.#visible) this.#session?.restartMeasuring();
      this.#visible = visible;
      this.#seeAgain();
    });
    const stopWaking = onWake(
      pageTimers,
      Date.now,
      () => document.hidden,
      () => this.#beginAgain(),
    );
    this.#stopWatching = () => {
      stopLooking();
      stopWaking();
    };
    this.#apply();
  }

  disconnectedCallback(): void {
    this.#stopActive?.();
    this.#stopWatching?.();
    this.#presence.close();
    this.#end();
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (name === "statistics") {
      this.#showControls();
      this.#showStatistics();
    } else if (before !== after && this.isConnected) {
      if (name === "src") this.#screen.clear();
      if (name === "background") this.#apply();
      else this.#beginAgain();
    }
  }

  #visible = true;

  get #isInPictureInPicture(): boolean {
    return this.shadowRoot?.pictureInPictureElement != null;
  }

  #seeAgain(): void {
    this.#presence.set(this.#visible || this.#isInPictureInPicture);
    this.#showControls();
  }

  /** Begins or ends to watch, whichever is due. */
  #apply(): void {
    if (!this.isConnected) return;
    const paused = this.#paused ? "asked" : this.#presence.seen || this.background ? undefined : "unseen";
    if (paused === undefined) {
      if (!this.#session) this.#begin();
    } else {
      const model = this.#session?.model ?? initialModel;
      this.#end();
      this.#describe({ ...model, paused });
      this.#measured();
    }
    this.#showControls();
  }

  #beginAgain(): void {
    this.#end();
    this.#apply();
  }

  #begin(): void {
    const source = parseSource(this.src, document.baseURI);
    if (!source) {
      const message = "There is no stream to show: src should be like /streams/main";
      this.#describe({ ...initialModel, refusal: { code: "bad-request", message } });
      return;
    }
    const label = `Live picture of ${source.stream}`;
    this.#internals.ariaLabel = label;
    this.#pictures.ariaLabel = label;
    const screen = this.#screen;
    const timers = pageTimers;
    const token = this.token || undefined;
    const session = new Session(source.stream, {
      timers,
      openSignaling: (events) => openSignaling(source, events, token),
      openWebRtc: hasWebRtc()
        ? (events, offers, expectedFps, hearsServer) =>
            openWebRtc({ timers, screen, offers, expectedFps, hearsServer, events })
        : undefined,
      openMjpeg: (events, expectedFps) =>
        openMjpeg({ timers, screen, url: timedMjpegUrl(source), token, expectedFps, events }),
      hasToken: token !== undefined,
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
    this.#describe(session.model);
  }

  #describe(model: Model): void {
    // The server's clock for what it told, the user's for what the user reads.
    const offset = this.#session?.meter.clock.best?.offset ?? 0;
    const now = pageTimers.now();
    this.#setState(
      describe(model, now + offset, (at) => timeOfDay(at - offset, now)),
      now + offset,
    );
  }

  #shown(telemetry: ShownTelemetry): void {
    const { number, data } = telemetry;
    this.#telemetry = { number, data };
    this.dispatchEvent(new CustomEvent("telemetry", { detail: telemetry }));
  }

  #measured(): void {
    this.#changed();
    this.#stats = this.#session?.meter.stats(pageTimers.now()) ?? NO_STATS;
    this.#showStatistics();
    this.dispatchEvent(new CustomEvent("stats", { detail: this.#stats }));
  }

  /** @param now on the server's clock, as the times of the state are. */
  #setState(state: PlayerState, now: number): void {
    const before = this.#state;
    this.#state = state;
    this.#banner.show(state, now);
    if (JSON.stringify(before) === JSON.stringify(state) && this.#banner.isShown) return;
    const { kind } = state;
    const playing = kind === "live" || kind === "fallback";
    this.#internals.states.delete(before.kind);
    this.#internals.states.add(kind);
    this.#mark("picture", this.#screen.hasPicture);
    this.#mark("quiet", playing || kind === "paused");
    this.#mark("dimmed", !playing);
    this.#showControls();
    this.dispatchEvent(new CustomEvent("statechange", { detail: state }));
  }

  /** Shows the controls for a while. */
  #wake(): void {
    this.#mark("active", true);
    this.#stopActive?.();
    this.#stopActive = pageTimers.after(CONTROLS_FOR, () => this.#mark("active", false));
  }

  #mark(name: "picture" | "quiet" | "dimmed" | "active", on: boolean): void {
    if (on) this.#internals.states.add(name);
    else this.#internals.states.delete(name);
  }

  #showControls(): void {
    const possible = document.pictureInPictureEnabled && this.#state.transport === "webrtc";
    this.#controls.show({
      paused: this.#paused,
      statistics: this.statistics,
      picture: this.#screen.hasPicture,
      pictureInPicture: !possible ? "impossible" : this.#isInPictureInPicture ? "on" : "off",
      fullscreen: !document.fullscreenEnabled
        ? "impossible"
        : document.fullscreenElement === this
          ? "on"
          : "off",
    });
  }

  #showStatistics(): void {
    if (this.statistics) this.#statistics.show(this.#stats, this.stream);
  }

  async #saveSnapshot(): Promise<void> {
    const picture = await this.snapshot().catch(() => undefined);
    if (!picture) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(picture);
    const time = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
    link.download = `${this.#info?.name ?? "snapshot"}-${time}.png`;
    link.click();
    this.#banner.announce(`Saved ${link.download}`);
    // The download has begun by then.
    pageTimers.after(10_000, () => URL.revokeObjectURL(link.href));
  }
}
