/** The messages of one page that controls a stream, checked. */
import { z } from "zod";
import type { WhenOver } from "../access/access.ts";
import type { Cancel, Clock, EpochMs, Millis } from "../base/clock.ts";
import {
  type Lease,
  type LeaseEnd,
  type Operating as OperatingAnswer,
  POSE_LIMITS,
} from "../shared/control.ts";
import type { Reply } from "../shared/protocol.ts";
import type { Applicant, ControlDesk } from "./control-desk.ts";
import { BAD_REQUEST, NO_SUCH_STREAM, type Refusal, streamName } from "./watching.ts";

/** A stream that may be controlled. Those of joined servers have no desk here. */
export interface ControllableStream {
  readonly control?: ControlDesk;
}

/** What {@link Operating} needs of the server and the socket. */
export interface OperatingOptions {
  readonly clock: Clock;
  readonly find: (name: string) => ControllableStream | undefined;
  /** Checks the right to control the stream, with the end of the right or why there is none. */
  readonly mayControl: (
    stream: string,
  ) => Promise<{ readonly whenOver: WhenOver } | { readonly why: string }>;
  readonly granted: (lease: Lease) => void;
  readonly ended: (why: LeaseEnd) => void;
}

/** Every request may change what all viewers are told. */
const REQUEST_INTERVAL: Millis = 500;

const WINDOW: Millis = 10_000;
/** A page sends at most 30 messages a second. */
const MAX_MOVES = 450;

const OFF = {
  ok: false,
  code: "no-control",
  message: "Nobody can turn the camera of this stream: its publisher does not allow it.",
} as const;
const BUSY = {
  ok: false,
  code: "busy",
  message: "Another viewer turns the camera, and one more waits for it. Try again later.",
} as const;
const TOO_SOON = {
  ok: false,
  code: "bad-request",
  message: "You asked to turn the camera just now: wait a second.",
} as const;

const within = ([least, most]: readonly [number, number]) => z.number().min(least).max(most);
const moveMessage = z.strictObject({
  lease: z.custom<string>((value) => typeof value === "string" && value.length <= 64),
  seq: z.int().min(0),
  pose: z.strictObject({
    yaw: within(POSE_LIMITS.yaw),
    pitch: within(POSE_LIMITS.pitch),
    distance: within(POSE_LIMITS.distance),
    x: within(POSE_LIMITS.x),
    y: within(POSE_LIMITS.y),
  }),
});

/** One page's part in the control of streams: one stream at a time. */
export class Operating implements Applicant {
  readonly #options: OperatingOptions;
  #desk: ControlDesk | undefined;
  /** Counts requests and releases: an outdated check of a right has no effect. */
  #attempt = 0;
  #askedAt: EpochMs | undefined;
  #hasLease = false;
  #stopExpiring: Cancel = () => {};
  #windowStart = Number.NEGATIVE_INFINITY;
  #moves = 0;

  constructor(options: OperatingOptions) {
    this.#options = options;
  }

  /** Whether the page has the lease of a stream. */
  get hasLease(): boolean {
    return this.#hasLease;
  }

  /** Asks to control a stream; ends the control of another one. */
  async ask(name: unknown): Promise<Reply<OperatingAnswer>> {
    const parsed = streamName.safeParse(name);
    if (!parsed.success) return BAD_REQUEST;
    const now = this.#options.clock.now();
    if (this.#askedAt !== undefined && now - this.#askedAt < REQUEST_INTERVAL) return TOO_SOON;
    this.#askedAt = now;
    const attempt = ++this.#attempt;
    const verdict = await this.#options.mayControl(parsed.data);
    if ("why" in verdict) return { ok: false, code: "token", message: verdict.why } satisfies Refusal;
    const stream = this.#options.find(parsed.data);
    if (!stream) return NO_SUCH_STREAM;
    // The page may have left meanwhile, and must not get a lease.
    if (attempt !== this.#attempt) return BAD_REQUEST;
    const { control: desk } = stream;
    if (!desk) return OFF;
    if (this.#desk !== desk) this.#leave();
    const asked = desk.ask(this);
    if (asked === "off") return OFF;
    if (asked === "busy") return BUSY;
    this.#desk = desk;
    this.#hasLease = asked.lease !== undefined;
    this.#stopExpiring();
    this.#stopExpiring = verdict.whenOver(() => desk.end(this, "right"));
    return { ok: true, value: asked };
  }

  /**
   * Takes a message of the lease's holder. Messages that are not valid, or of another lease, have no effect.
   * @returns whether the page keeps to its limit.
   */
  move(message: unknown): boolean {
    const parsed = moveMessage.safeParse(message);
    if (parsed.success) this.#desk?.move(this, parsed.data);
    const now = this.#options.clock.now();
    if (now - this.#windowStart >= WINDOW) {
      this.#windowStart = now;
      this.#moves = 0;
    }
    return ++this.#moves <= MAX_MOVES;
  }

  /** Ends the lease, or the wait for it. */
  release(): void {
    this.#attempt++;
    this.#leave();
  }

  granted(lease: Lease): void {
    this.#hasLease = true;
    this.#options.granted(lease);
  }

  ended(why: LeaseEnd): void {
    this.#forget();
    this.#options.ended(why);
  }

  #leave(): void {
    const desk = this.#desk;
    this.#forget();
    desk?.release(this);
  }

  #forget(): void {
    this.#stopExpiring();
    this.#stopExpiring = () => {};
    this.#desk = undefined;
    this.#hasLease = false;
  }
}
