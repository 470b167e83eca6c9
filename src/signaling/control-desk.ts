/** The control of one stream: at most one viewer has the lease, and its newest pose goes to the publisher. */
import { randomUUID } from "node:crypto";
import type { Cancel, Clock, Millis } from "../base/clock.ts";
import {
  CAMERA_POSE,
  type ControlInfo,
  type Lease,
  type LeaseEnd,
  type Move,
  type Pose,
} from "../shared/control.ts";

/** A lease ends this long after its last message. */
export const IDLE_TIMEOUT: Millis = 10_000;

/** A viewer that asks to control. The desk compares it by identity. */
export interface Applicant {
  /** The viewer that it waited for has left, and it has the lease. */
  granted(lease: Lease): void;
  /** Its lease has ended, or it waits in vain. */
  ended(why: LeaseEnd): void;
}

/** What an applicant gets: a number, and the lease if nobody else has it. */
export type Asked = { readonly viewer: number; readonly lease?: Lease } | "off" | "busy";

interface Held {
  readonly by: Applicant;
  readonly id: string;
  seq: number;
  stopIdling: Cancel;
}

/** The control of one stream. Without a publisher that takes poses, it is off. */
export class ControlDesk {
  readonly #clock: Clock;
  readonly #changed: () => void;
  #publisher: { readonly take: (pose: Pose) => void; readonly replaced: () => void } | undefined;
  #pose = CAMERA_POSE;
  #held: Held | undefined;
  #waiting: Applicant | undefined;
  #count = 0;
  readonly #numbers = new WeakMap<Applicant, number>();

  /** @param changed is called when {@link info} has changed. */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** What viewers are told; undefined while control is off. */
  get info(): ControlInfo | undefined {
    if (!this.#publisher) return undefined;
    const holder = this.#held && this.#numbers.get(this.#held.by);
    const asking = this.#waiting && this.#numbers.get(this.#waiting);
    return {
      mode: "orbit",
      ...(holder !== undefined && { holder }),
      ...(asking !== undefined && { asking }),
    };
  }

  /** The newest pose. */
  get pose(): Pose {
    return this.#pose;
  }

  /**
   * The publisher allows control, and takes each new pose. It replaces an earlier publisher.
   * @param replaced is called when another one replaces it, or the stream ends.
   * @returns ends that.
   */
  open(take: (pose: Pose) => void, replaced: () => void): Cancel {
    const before = this.#publisher;
    const own = { take, replaced };
    this.#publisher = own;
    before?.replaced();
    if (!before) this.#changed();
    return () => {
      if (this.#publisher === own) this.close();
    };
  }

  /** Ends control: the publisher is gone, or does not allow it any more. */
  close(): void {
    const publisher = this.#publisher;
    if (!publisher) return;
    this.#publisher = undefined;
    publisher.replaced();
    this.#pose = CAMERA_POSE;
    this.#endAll("off");
    this.#changed();
  }

  /** Ends the lease, drops the applicant that waits, and returns to the publisher's camera. */
  takeBack(): void {
    this.#endAll("taken-back");
    this.#move(CAMERA_POSE);
    this.#changed();
  }

  /** Asks for the lease. One applicant may wait for it; further ones are refused as `busy`. */
  ask(applicant: Applicant): Asked {
    if (!this.#publisher) return "off";
    const held = this.#held;
    const isNew = held !== undefined && held.by !== applicant && this.#waiting !== applicant;
    if (isNew && this.#waiting) return "busy";
    const viewer = this.#numbers.get(applicant) ?? ++this.#count;
    this.#numbers.set(applicant, viewer);
    if (held && held.by !== applicant) {
      this.#waiting = applicant;
      if (isNew) this.#changed();
      return { viewer };
    }
    if (held) return { viewer, lease: this.#leaseOf(held) };
    const lease = this.#grant(applicant);
    this.#changed();
    return { viewer, lease };
  }

  /** Takes the holder's pose, which renews the lease. Drops what comes from others, or comes late. */
  move(applicant: Applicant, { lease, seq, pose }: Move): void {
    const held = this.#held;
    if (held?.by !== applicant || held.id !== lease || seq <= held.seq) return;
    held.seq = seq;
    held.stopIdling();
    held.stopIdling = this.#startIdling(held);
    this.#move(pose);
  }

  /** Ends the applicant's lease, which the one that waits gets; or its wait. */
  release(applicant: Applicant): void {
    if (this.#waiting === applicant) this.#waiting = undefined;
    else if (this.#held?.by === applicant) this.#handOver();
    else return;
    this.#changed();
  }

  /** Ends the applicant's lease or wait, and tells it why. */
  end(applicant: Applicant, why: LeaseEnd): void {
    const isPart = this.#held?.by === applicant || this.#waiting === applicant;
    if (!isPart) return;
    this.release(applicant);
    applicant.ended(why);
  }

  #grant(applicant: Applicant): Lease {
    const held: Held = { by: applicant, id: randomUUID(), seq: -1, stopIdling: () => {} };
    held.stopIdling = this.#startIdling(held);
    this.#held = held;
    return this.#leaseOf(held);
  }

  #leaseOf({ id }: Held): Lease {
    return { id, pose: this.#pose, idle: IDLE_TIMEOUT };
  }

  #startIdling({ by }: Held): Cancel {
    return this.#clock.after(IDLE_TIMEOUT, () => this.end(by, "idle"));
  }

  #handOver(): void {
    this.#held?.stopIdling();
    this.#held = undefined;
    const next = this.#waiting;
    this.#waiting = undefined;
    next?.granted(this.#grant(next));
  }

  #endAll(why: LeaseEnd): void {
    const both = [this.#held?.by, this.#waiting];
    this.#held?.stopIdling();
    this.#held = undefined;
    this.#waiting = undefined;
    for (const one of both) one?.ended(why);
  }

  #move(pose: Pose): void {
    this.#pose = pose;
    this.#publisher?.take(pose);
  }
}
