/** The control of the camera in the player: gestures on the picture, and a note that says who turns the view. */
import type { ControlInfo } from "../../../src/shared/control.ts";
import { write } from "../../common/dom.ts";
import { type ChangePose, Gestures } from "./gestures.ts";
import type { OperatorState } from "./operator.ts";

/** The operator of the present session, as the player reaches it. */
export interface SteeringPorts {
  /** Undefined without a session. */
  state(): OperatorState | undefined;
  readonly change: ChangePose;
}

/** The gestures on one picture, and {@link Steering.note}. */
export class Steering {
  /** To place over the picture. */
  readonly note = document.createElement("div");
  readonly #gestures: Gestures;

  constructor(surface: HTMLElement, ports: SteeringPorts) {
    this.note.className = "note";
    this.note.part = "note";
    this.note.role = "status";
    this.#gestures = new Gestures(surface, () => ports.state()?.on === true, ports.change);
  }

  /** Whether the key press moves the camera, which it then does. */
  key(event: KeyboardEvent): boolean {
    return this.#gestures.key(event);
  }

  /** Shows who turns the view. */
  show(info: ControlInfo | undefined, state: OperatorState | undefined): void {
    const text = sentenceOf(info, state);
    write(this.note, text);
    this.note.hidden = text === "";
  }
}

/** What the note says. */
export function sentenceOf(info: ControlInfo | undefined, state: OperatorState | undefined): string {
  if (state?.notice) return state.notice;
  if (state?.holds)
    return info?.asking === undefined
      ? "You turn the view: drag, scroll or use the arrow keys. Home resets it."
      : `Viewer ${info.asking} asks to turn the view: press c to hand over.`;
  if (info?.holder === undefined) return "";
  const isWaiting = state?.on && info.asking !== undefined && info.asking === state.viewer;
  return isWaiting
    ? `Viewer ${info.holder} turns the view, and sees that you ask.`
    : `Viewer ${info.holder} turns the view.`;
}
