/** The bar of buttons over the picture, and their keys while the player has the focus. */
import { IconButton } from "./icons.ts";

/** The actions of the user. */
export interface PlayerActions {
  togglePause(): void;
  toggleControl(): void;
  toggleStatistics(): void;
  saveSnapshot(): void;
  togglePictureInPicture(): void;
  toggleFullscreen(): void;
}

/** The state of the buttons. */
export interface ControlsState {
  readonly paused: boolean;
  readonly statistics: boolean;
  /** Whether the user turns the camera, or cannot. */
  readonly control: "on" | "off" | "impossible";
  /** Whether there is a picture to save or to show in picture in picture. */
  readonly picture: boolean;
  /** Whether picture in picture is active, or impossible for this picture or browser. */
  readonly pictureInPicture: "on" | "off" | "impossible";
  readonly fullscreen: "on" | "off" | "impossible";
}

/** The action of a key without modifiers, as `KeyboardEvent.key` names it. */
export const KEYS: Readonly<Record<string, keyof PlayerActions>> = {
  " ": "togglePause",
  k: "togglePause",
  f: "toggleFullscreen",
  p: "togglePictureInPicture",
  s: "saveSnapshot",
  i: "toggleStatistics",
  c: "toggleControl",
};

/** The action of a key press in the player; undefined if it has none. Space on a focused button presses that button. */
export function actionOf(event: KeyboardEvent): keyof PlayerActions | undefined {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return undefined;
  const within = event.composedPath()[0];
  if (event.key === " " && within instanceof HTMLButtonElement) return undefined;
  return KEYS[event.key];
}

/** The buttons, in {@link Controls.element}. */
export class Controls {
  readonly element = document.createElement("div");
  readonly #pause: IconButton;
  readonly #control: IconButton;
  readonly #statistics: IconButton;
  readonly #snapshot: IconButton;
  readonly #pictureInPicture: IconButton;
  readonly #fullscreen: IconButton;

  /** @param beside is placed next to the pause button. */
  constructor(actions: PlayerActions, beside: HTMLElement) {
    this.#pause = new IconButton("pause", "Pause (k)", () => actions.togglePause());
    this.#control = new IconButton("control", "Turn the view (c)", () => actions.toggleControl());
    this.#statistics = new IconButton("statistics", "Statistics (i)", () => actions.toggleStatistics());
    this.#snapshot = new IconButton("snapshot", "Save a snapshot (s)", () => actions.saveSnapshot());
    this.#pictureInPicture = new IconButton("pictureInPicture", "Picture in picture (p)", () =>
      actions.togglePictureInPicture(),
    );
    this.#fullscreen = new IconButton("fullscreen", "Full screen (f)", () => actions.toggleFullscreen());
    this.element.className = "controls";
    this.element.part = "controls";
    this.element.role = "group";
    this.element.ariaLabel = "Player";
    const right = [this.#control, this.#statistics, this.#snapshot, this.#pictureInPicture, this.#fullscreen];
    this.element.append(this.#pause.element, beside, ...right.map(({ element }) => element));
  }

  show({ paused, statistics, control, picture, pictureInPicture, fullscreen }: ControlsState): void {
    if (paused) this.#pause.show("play", "Play (k)");
    else this.#pause.show("pause", "Pause (k)");
    this.#control.element.hidden = control === "impossible";
    this.#control.element.ariaPressed = String(control === "on");
    this.#statistics.element.ariaPressed = String(statistics);
    this.#snapshot.element.disabled = !picture;
    this.#pictureInPicture.element.hidden = pictureInPicture === "impossible";
    this.#pictureInPicture.element.disabled = !picture;
    this.#pictureInPicture.element.ariaPressed = String(pictureInPicture === "on");
    this.#fullscreen.element.hidden = fullscreen === "impossible";
    if (fullscreen === "on") this.#fullscreen.show("leaveFullscreen", "Leave full screen (f)");
    else this.#fullscreen.show("fullscreen", "Full screen (f)");
  }
}
