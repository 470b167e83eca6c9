/** Mouse, wheel, touch and keys as changes of a pose. */
import { CAMERA_POSE, type Pose } from "../../../src/shared/control.ts";
import { dolly, pan, turn } from "./pose.ts";

/** Takes a change of the pose. */
export type ChangePose = (change: (pose: Pose) => Pose) => void;

/** Of the picture's height, for one press of an arrow key. */
const KEY_STEP = 1 / 36;
const KEY_FACTOR = 1.1;
/** The distance grows by this power of e for each pixel of the wheel. */
const WHEEL_POWER = 0.001;
/** A line of the wheel in pixels, where the browser counts lines. */
const WHEEL_LINE = 30;
/** In pixels, for one event: some mice send hundreds. */
const MAX_WHEEL = 400;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Reads gestures on the picture while `isOn` says so. */
export class Gestures {
  readonly #surface: HTMLElement;
  readonly #isOn: () => boolean;
  readonly #change: ChangePose;
  /** The pointers that are down, by their id. */
  readonly #pointers = new Map<number, Point>();
  #isPanning = false;

  constructor(surface: HTMLElement, isOn: () => boolean, change: ChangePose) {
    this.#surface = surface;
    this.#isOn = isOn;
    this.#change = change;
    surface.addEventListener("pointerdown", (event) => this.#down(event));
    surface.addEventListener("pointermove", (event) => this.#move(event));
    for (const type of ["pointerup", "pointercancel", "lostpointercapture"] as const)
      surface.addEventListener(type, ({ pointerId }) => this.#pointers.delete(pointerId));
    surface.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    surface.addEventListener("contextmenu", (event) => {
      if (isOn()) event.preventDefault();
    });
  }

  /** Whether the key press is a gesture, which it then carries out. */
  key(event: KeyboardEvent): boolean {
    if (!this.#isOn() || event.ctrlKey || event.metaKey || event.altKey) return false;
    const change = changeOf(event);
    if (change) this.#change(change);
    return change !== undefined;
  }

  #down(event: PointerEvent): void {
    if (!this.#isOn()) return;
    if (this.#pointers.size === 0)
      this.#isPanning = event.button === 1 || event.button === 2 || event.shiftKey || event.ctrlKey;
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    // Keeps the drag when the pointer leaves the picture. Fails for a pointer that is gone already.
    try {
      this.#surface.setPointerCapture(event.pointerId);
    } catch {}
  }

  #move(event: PointerEvent): void {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    if (!this.#isOn()) return void this.#pointers.clear();
    const others = [...this.#pointers.entries()].filter(([id]) => id !== event.pointerId);
    const now = { x: event.clientX, y: event.clientY };
    this.#pointers.set(event.pointerId, now);
    const height = this.#surface.clientHeight || 1;
    const [right, down] = [(now.x - before.x) / height, (now.y - before.y) / height];
    const other = others[0]?.[1];
    if (other) {
      const factor = distance(before, other) / Math.max(1, distance(now, other));
      // Each of two fingers moves the middle by half.
      this.#change((pose) => pan(dolly(pose, factor), right / 2, down / 2));
    } else this.#change((pose) => (this.#isPanning ? pan : turn)(pose, right, down));
  }

  #wheel(event: WheelEvent): void {
    if (!this.#isOn()) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : WHEEL_LINE);
    const bounded = Math.min(MAX_WHEEL, Math.max(-MAX_WHEEL, pixels));
    this.#change((pose) => dolly(pose, Math.exp(bounded * WHEEL_POWER)));
  }
}

function changeOf({ key, shiftKey }: KeyboardEvent): ((pose: Pose) => Pose) | undefined {
  const move = shiftKey ? pan : turn;
  const changes: Readonly<Record<string, (pose: Pose) => Pose>> = {
    ArrowLeft: (pose) => move(pose, -KEY_STEP, 0),
    ArrowRight: (pose) => move(pose, KEY_STEP, 0),
    ArrowUp: (pose) => move(pose, 0, -KEY_STEP),
    ArrowDown: (pose) => move(pose, 0, KEY_STEP),
    "+": (pose) => dolly(pose, 1 / KEY_FACTOR),
    "-": (pose) => dolly(pose, KEY_FACTOR),
    Home: () => CAMERA_POSE,
  };
  return changes[key];
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
