/**
 * This page's part in the control of a stream. The user switches it on; then gestures ask for the lease if the page has none,
 * and move the camera. The newest pose is sent, at most 30 times a second. Nothing here touches the DOM.
 */
import { CAMERA_POSE, type Lease, type LeaseEnd, type Pose } from "../../../src/shared/control.ts";
import type { Timers } from "../playback/timers.ts";
import type { Signaling } from "../session/signaling.ts";

/** What the operator acts through. */
export interface OperatorPorts {
  readonly timers: Timers;
  readonly signaling: Pick<Signaling, "operate" | "control" | "release">;
  /** Called when {@link Operator.state} has changed. */
  readonly changed: () => void;
}

/** What the page shows of its own control. */
export interface OperatorState {
  /** Whether the user has switched control on. */
  readonly on: boolean;
  readonly holds: boolean;
  /** This page's number in `ControlInfo`; undefined until it has asked. */
  readonly viewer: number | undefined;
  /** What happened last, a sentence; empty if nothing did. */
  readonly notice: string;
}

const SEND_INTERVAL_MS = 33;
/** The server refuses more than two requests a second. */
const ASK_INTERVAL_MS = 1000;

const ENDS: Readonly<Record<LeaseEnd, string>> = {
  idle: "Nothing moved for a while: drag again to turn the view.",
  "taken-back": "The owner has taken back the view.",
  off: "The view cannot be turned any more.",
  right: "Your right to turn the view has ended.",
};

/** The control of one stream by this page. */
export class Operator {
  readonly #stream: string;
  readonly #ports: OperatorPorts;
  #on = false;
  #lease: Lease | undefined;
  #pose = CAMERA_POSE;
  #viewer: number | undefined;
  #notice = "";
  #isAsking = false;
  /** Whether the user wants the lease since the last request, which was too recent to ask again. */
  #asksAgain = false;
  #seq = 0;
  /** Whether a message was sent so recently that the next one waits. */
  #isPacing = false;
  #hasNews = false;

  constructor(stream: string, ports: OperatorPorts) {
    this.#stream = stream;
    this.#ports = ports;
  }

  get state(): OperatorState {
    return {
      on: this.#on,
      holds: this.#lease !== undefined,
      viewer: this.#viewer,
      notice: this.#notice,
    };
  }

  /** Asks for the lease, or gives it back. */
  toggle(): void {
    this.#on = !this.#on;
    this.#notice = "";
    if (this.#on) void this.#ask();
    else {
      this.#lease = undefined;
      this.#ports.signaling.release();
    }
    this.#ports.changed();
  }

  /** Moves the camera, or asks for the lease first: the gesture that asks moves nothing. */
  change(change: (pose: Pose) => Pose): void {
    if (!this.#on) return;
    if (!this.#lease) return void this.#ask();
    this.#pose = change(this.#pose);
    this.#hasNews = true;
    this.#send();
  }

  /** Takes the lease that this page waited for. */
  granted(lease: Lease): void {
    // The user may have switched it off meanwhile.
    if (this.#on) this.#take(lease);
    else this.#ports.signaling.release();
    this.#ports.changed();
  }

  /** The lease, or the wait for it, has ended. */
  ended(why: LeaseEnd): void {
    this.#lease = undefined;
    this.#on &&= why === "idle";
    this.#notice = ENDS[why];
    this.#ports.changed();
  }

  /** The server does not know this page any more: its next gesture asks again. */
  forget(): void {
    this.#lease = undefined;
    this.#viewer = undefined;
    this.#ports.changed();
  }

  async #ask(): Promise<void> {
    this.#asksAgain = this.#isAsking;
    if (this.#isAsking) return;
    this.#isAsking = true;
    // No answer needs no action: the next gesture asks again.
    const reply = await this.#ports.signaling.operate(this.#stream).catch(() => undefined);
    this.#ports.timers.after(ASK_INTERVAL_MS, () => {
      this.#isAsking = false;
      if (this.#asksAgain && this.#on && !this.#lease) void this.#ask();
    });
    if (!reply || !this.#on) return;
    if (reply.ok) {
      this.#viewer = reply.value.viewer;
      this.#notice = "";
      if (reply.value.lease) this.#take(reply.value.lease);
    } else {
      this.#on = reply.code === "bad-request";
      this.#notice = reply.message;
    }
    this.#ports.changed();
  }

  #take(lease: Lease): void {
    this.#lease = lease;
    this.#pose = lease.pose;
    this.#seq = 0;
    this.#hasNews = false;
    this.#notice = "";
  }

  #send(): void {
    if (this.#isPacing || !this.#hasNews || !this.#lease) return;
    this.#hasNews = false;
    this.#isPacing = true;
    this.#ports.signaling.control({ lease: this.#lease.id, seq: this.#seq++, pose: this.#pose });
    this.#ports.timers.after(SEND_INTERVAL_MS, () => {
      this.#isPacing = false;
      this.#send();
    });
  }
}
