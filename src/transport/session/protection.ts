/**
 * How much forward error correction a viewer gets: parity packets follow its own loss, and are sent only if a retransmission
 * would come after the next frame.
 */
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";

/** Rarer loss is left to retransmissions. */
const MIN_LOSS = 0.01;

/** Shorter round trips bring a retransmission before the next frame. */
const MIN_ROUND_TRIP: Millis = 20;

/**
 * Packets per parity packet, as a multiple of 1 / loss: two losses in a group of this size have a chance of about 3 %. And
 * its bounds.
 */
const GROUP_FACTOR = 0.25;
const MIN_GROUP = 4;
const MAX_GROUP = 20;

/** Parity packets as a share of the media packets, and how many may be saved up for later frames. */
const MAX_OVERHEAD = 0.25;
const MAX_SAVED = 4;

/** Time constant of the loss average. */
const LOSS_WINDOW: Millis = 4000;

/** Queueing delay from which on more packets would do harm. */
const MAX_QUEUE_DELAY: Millis = 60;

/** Decides the number of parity packets of each frame. */
export class Protection {
  readonly #clock: Clock;
  #loss = 0;
  #measuredAt: EpochMs | undefined;
  #isCongested = false;
  /** Parity packets that may be sent. */
  #credit = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Takes what transport-wide feedback shows.
   * @param lost share of the last second's packets, 0 to 1.
   */
  measured({ lost, queue }: { readonly lost: number; readonly queue: Millis }): void {
    const now = this.#clock.now();
    const passed = this.#measuredAt === undefined ? 0 : now - this.#measuredAt;
    this.#measuredAt = now;
    this.#loss += (lost - this.#loss) * (1 - Math.exp(-passed / LOSS_WINDOW));
    this.#isCongested = queue > MAX_QUEUE_DELAY;
  }

  /**
   * The number of parity packets for a frame of so many packets.
   * @param roundTrip undefined if unknown.
   */
  parityPackets(packets: number, roundTrip: Millis | undefined): number {
    this.#credit = Math.min(MAX_SAVED + MAX_OVERHEAD * packets, this.#credit + MAX_OVERHEAD * packets);
    if (this.#loss < MIN_LOSS || this.#isCongested || roundTrip === undefined || roundTrip < MIN_ROUND_TRIP)
      return 0;
    const group = Math.min(MAX_GROUP, Math.max(MIN_GROUP, Math.round(GROUP_FACTOR / this.#loss)));
    const count = Math.min(Math.ceil(packets / group), Math.floor(this.#credit));
    this.#credit -= count;
    return count;
  }
}
