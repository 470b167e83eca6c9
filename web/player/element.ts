// biome-ignore-all lint/style/noExcessiveLinesPerFile: one custom element; the head comment has the reason.
/**
 * `<rendercast-player src="/streams/main">`: shows a stream and keeps showing it. `docs/player.md` describes its
 * attributes, properties, events, parts and custom properties. `define.ts` registers it.
 *
 * A player that is paused, hidden or scrolled away has no {@link Session}: it costs the server nothing, and when it
 * plays again it shows the live picture.
 *
 * Longer than 300 lines, because the public surface of a custom element is one class: each property, its attribute and
 * its event belong together.
 */
import type { StreamInfo } from "../../src/shared/protocol.ts";
import { Steering } from "./control/steering.ts";
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
import { initialModel, type Model, type PlayerState } from "./session/state.ts";
import { onWake } from "./session/wake.ts";
import { Banner } from "./ui/banner.ts";
import controlsCss from "./ui/controls.css?inline";
import { actionOf, Controls, type PlayerActions } from "./ui/controls.ts";
import { fullscreenState, playOnAfterFullscreen, toggleFullscreen } from "./ui/fullscreen.ts";
import { IconButton } from "./ui/icons.ts";
import noteCss from "./ui/note.css?inline";
import playerCss from "./ui/player.css?inline";
import { describe, timeOfDay } from "./ui/state-text.ts";
import { States } from "./ui/states.ts";
import statisticsCss from "./ui/statistics.css?inline";
import { StatisticsView } from "./ui/statistics-view.ts";
import { hasWebRtc, openWebRtc } from "./webrtc/webrtc.ts";

/** The events of the element, by type. */
export interface PlayerEventMap extends HTMLElementEventMap {
  /** {@link RendercastPlayer.state} has changed. */
  statechange: CustomEvent<PlayerState>;
  /** {@link RendercastPlayer.stats} have been updated; a few times per second. */
  stats: CustomEvent<PlayerStats>;
  /** {@link RendercastPlayer.stream} has been updated; about once per second. */
  streamchange: CustomEvent<StreamInfo>;
  /** A frame with telemetry is on the screen: {@link RendercastPlayer.telemetry}. Never earlier than its frame. */
  telemetry: CustomEvent<ShownTelemetry>;
}

/** Typed listeners for {@link PlayerEventMap}. */
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

const STATS_INTERVAL_MS = 400;
/** How long the controls stay visible after the last movement of the pointer. */
const CONTROLS_TIMEOUT_MS = 2500;
/** How long the browser may take to start a download before its URL is revoked. */
const DOWNLOAD_START_MS = 10_000;
const NO_STATS = new Meter().stats(0);

/** The class of `<rendercast-player>`. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: how TypeScript types an element's own events
export class RendercastPlayer extends HTMLElement {
  static readonly observedAttributes = ["src", "token", "statistics", "background", "control"];

  readonly #internals = this.attachInternals();
  readonly #states = new States(this, this.#internals.states);
  readonly #pictures = document.createElement("div");
  readonly #screen: PlayerScreen;
  readonly #banner = new Banner();
  readonly #statistics = new StatisticsView();
  readonly #controls: Controls;
  readonly #steering: Steering;
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
      togglePause: () => (this.paused || this.#isBlocked ? this.play() : this.pause()),
      toggleControl: () => this.toggleControl(),
      toggleStatistics: () => this.toggleAttribute("statistics"),
      saveSnapshot: () => void this.#saveSnapshot(),
      togglePictureInPicture: () => this.togglePictureInPicture(),
      toggleFullscreen: () => this.toggleFullscreen(),
    };
    this.#controls = new Controls(actions, this.#banner.badge);
    this.#steering = new Steering(this.#pictures, {
      state: () => this.#session?.operator.state,
      change: (change) => this.#session?.operator.change(change),
    });
    const play = new IconButton("play", "Play", () => this.play());
    play.element.className = "play";
    play.element.part = "play";
    root.append(
      this.#pictures,
      this.#banner.element,
      this.#statistics.element,
      this.#steering.note,
      play.element,
      this.#controls.element,
    );

    this.#internals.role = "region";
    this.#pictures.addEventListener("dblclick", actions.toggleFullscreen);
    for (const type of ["pointermove", "pointerdown"]) this.addEventListener(type, () => this.#activate());
    this.addEventListener("pointerleave", ({ pointerType }) => {
      if (pointerType === "mouse") this.#mark("active", false);
    });
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.statistics) {
        event.preventDefault();
        this.statistics = false;
      }
      if (this.#steering.key(event)) return event.preventDefault();
      const action = actionOf(event);
      if (!action) return;
      event.preventDefault();
      actions[action]();
    });
    this.addEventListener("fullscreenchange", () => this.#showControls());
    playOnAfterFullscreen(this.#pictures);
    for (const type of ["enterpictureinpicture", "leavepictureinpicture"])
      this.#pictures.addEventListener(type, () => this.#updatePresence(), { capture: true });
  }

  /** What is shown and why; `statechange` follows each change. */
  get state(): PlayerState {
    return this.#state;
  }

  /** The figures of what is shown; `stats` follows each update. */
  get stats(): PlayerStats {
    return this.#stats;
  }

  /** The stream as the server describes it; undefined until it has. `streamchange` follows each update. */
  get stream(): StreamInfo | undefined {
    return this.#session?.info;
  }

  /**
   * The telemetry of the frame on the screen, such as joint angles. If a frame has none, or it was lost, that of the
   * newest earlier frame stays. `telemetry` follows each change.
   */
  get telemetry(): FrameTelemetry | undefined {
    return this.#telemetry;
  }

  /** Address of the stream: `/streams/NAME`, on this page's server or an absolute URL. */
  get src(): string {
    return this.getAttribute("src") ?? "";
  }

  set src(value: string) {
    this.setAttribute("src", value);
  }

  /** View token, if the server requires one. */
  get token(): string {
    return this.getAttribute("token") ?? "";
  }

  set token(value: string) {
    if (value === "") this.removeAttribute("token");
    else this.setAttribute("token", value);
  }

  /** Whether the statistics are shown over the picture. */
  get statistics(): boolean {
    return this.hasAttribute("statistics");
  }

  set statistics(value: boolean) {
    this.toggleAttribute("statistics", value);
  }

  /** Whether the player keeps playing while nobody can see it. */
  get background(): boolean {
    return this.hasAttribute("background");
  }

  set background(value: boolean) {
    this.toggleAttribute("background", value);
  }

  /** Whether the user can turn the camera here, if the stream allows it. */
  get control(): boolean {
    return this.hasAttribute("control");
  }

  set control(value: boolean) {
    this.toggleAttribute("control", value);
  }

  /** Asks to turn the camera, or gives that back. Does nothing if {@link control} is false, or the stream does not allow it. */
  toggleControl(): void {
    if (this.#canControl) this.#session?.operator.toggle();
  }

  /** Whether the user or the page has paused the player. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Stops watching: the last picture stays on the screen, and the server sends nothing. */
  pause(): void {
    this.#paused = true;
    this.#apply();
  }

  /** Watches again, from the live picture on. If the browser blocks autoplay, call it in the handler of a click. */
  play(): void {
    this.#paused = false;
    this.#session?.resume();
    this.#apply();
  }

  /**
   * The picture on the screen, as PNG in its own size.
   * @throws {DOMException} `InvalidStateError` before the first picture.
   */
  snapshot(): Promise<Blob> {
    return this.#screen.snapshot();
  }

  /** Enters or leaves full screen. Does nothing if the browser forbids it. */
  toggleFullscreen(): void {
    toggleFullscreen(this, this.#video);
  }

  /** Enters or leaves picture in picture. Does nothing if the browser forbids it, or while MJPEG is shown. */
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
      this.#sheet.replaceSync(this.#states.css(playerCss + controlsCss + statisticsCss + noteCss));
      this.shadowRoot?.adoptedStyleSheets.push(this.#sheet);
    }
    const stopObserving = watchVisibility(this, (visible) => {
      if (visible && !this.#visible) this.#session?.restartMeasuring();
      this.#visible = visible;
      this.#updatePresence();
    });
    const stopWakeDetection = onWake(
      pageTimers,
      Date.now,
      () => document.hidden,
      () => this.#restart(),
    );
    this.#stopWatching = () => {
      stopObserving();
      stopWakeDetection();
    };
    this.#apply();
  }

  disconnectedCallback(): void {
    this.#stopActive?.();
    this.#stopWatching?.();
    this.#presence.close();
    this.#closeSession();
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (name === "statistics") {
      this.#showControls();
      this.#showStatistics();
    } else if (name === "control") this.#changed();
    else if (before !== after && this.isConnected) {
      if (name === "src") this.#screen.clear();
      if (name === "background") this.#apply();
      else this.#restart();
    }
  }

  #visible = true;

  get #isInPictureInPicture(): boolean {
    return this.shadowRoot?.pictureInPictureElement != null;
  }

  /** The video on the screen; undefined while MJPEG is shown. */
  get #video(): HTMLVideoElement | undefined {
    return this.#state.transport === "webrtc" ? this.#screen.video : undefined;
  }

  get #canControl(): boolean {
    return this.control && this.stream?.control !== undefined;
  }

  /** Whether the browser refuses to play until the user presses Play. */
  get #isBlocked(): boolean {
    return this.#state.kind === "paused" && this.#state.why === "blocked";
  }

  #updatePresence(): void {
    this.#presence.set(this.#visible || this.#isInPictureInPicture);
    this.#showControls();
  }

  /** Opens or closes the session, as the player is paused and seen. */
  #apply(): void {
    if (!this.isConnected) return;
    const paused = this.#paused ? "asked" : this.#presence.seen || this.background ? undefined : "unseen";
    if (paused === undefined) {
      if (!this.#session) this.#openSession();
    } else {
      const model = this.#session?.model ?? initialModel;
      this.#closeSession();
      this.#describe({ ...model, paused });
      this.#updateStats();
    }
    this.#showControls();
  }

  #restart(): void {
    this.#closeSession();
    this.#apply();
  }

  #openSession(): void {
    const source = parseSource(this.src, document.baseURI);
    if (!source) {
      const message = "No stream to show. Set src to an address such as /streams/main.";
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
      telemetry: (telemetry) => this.#showTelemetry(telemetry),
    });
    this.#session = session;
    this.#changed();
    this.#stopStats = timers.every(STATS_INTERVAL_MS, () => this.#updateStats());
  }

  #closeSession(): void {
    this.#stopStats?.();
    this.#session?.close();
    this.#session = undefined;
    this.#telemetry = undefined;
    this.#showControl();
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
    this.#showControl();
  }

  #showControl(): void {
    const state = this.#session?.operator.state;
    this.#steering.show(this.#session && this.stream?.control, state);
    this.#mark("steering", state?.on === true);
    this.#showControls();
  }

  #describe(model: Model): void {
    // Times from the server are on its clock; the user reads them on the user's clock.
    const offset = this.#session?.meter.clock.best?.offset ?? 0;
    const now = pageTimers.now();
    this.#setState(
      describe(model, now + offset, (at) => timeOfDay(at - offset, now)),
      now + offset,
    );
  }

  #showTelemetry(telemetry: ShownTelemetry): void {
    const { number, data } = telemetry;
    this.#telemetry = { number, data };
    this.dispatchEvent(new CustomEvent("telemetry", { detail: telemetry }));
  }

  #updateStats(): void {
    this.#changed();
    this.#stats = this.#session?.meter.stats(pageTimers.now()) ?? NO_STATS;
    this.#showStatistics();
    this.dispatchEvent(new CustomEvent("stats", { detail: this.#stats }));
  }

  /** @param now on the server's clock, like the times of the state. */
  #setState(state: PlayerState, now: number): void {
    const before = this.#state;
    this.#state = state;
    this.#banner.show(state, now);
    if (JSON.stringify(before) === JSON.stringify(state) && this.#banner.isShown) return;
    const { kind } = state;
    const playing = kind === "live" || kind === "fallback";
    this.#states.set(before.kind, false);
    this.#states.set(kind, true);
    this.#mark("picture", this.#screen.hasPicture);
    this.#mark("quiet", playing || kind === "paused");
    // A picture that was published to stay, such as by curl, is not dimmed.
    this.#mark("dimmed", !playing && kind !== "ended");
    this.#showControls();
    this.dispatchEvent(new CustomEvent("statechange", { detail: state }));
  }

  /** Shows the controls for a while. */
  #activate(): void {
    this.#mark("active", true);
    this.#stopActive?.();
    this.#stopActive = pageTimers.after(CONTROLS_TIMEOUT_MS, () => this.#mark("active", false));
  }

  #mark(name: "picture" | "quiet" | "dimmed" | "active" | "steering", on: boolean): void {
    this.#states.set(name, on);
  }

  #showControls(): void {
    const possible = document.pictureInPictureEnabled && this.#state.transport === "webrtc";
    this.#controls.show({
      paused: this.#paused || this.#isBlocked,
      statistics: this.statistics,
      control: !this.#canControl ? "impossible" : this.#session?.operator.state.on ? "on" : "off",
      picture: this.#screen.hasPicture,
      pictureInPicture: !possible ? "impossible" : this.#isInPictureInPicture ? "on" : "off",
      fullscreen: fullscreenState(this, this.#video),
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
    pageTimers.after(DOWNLOAD_START_MS, () => URL.revokeObjectURL(link.href));
  }
}
